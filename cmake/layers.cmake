# tessera_layer(NAME FILES a.c b.c ...): one folder under src/ as an object library, which src/ joins
# into libtessera. The list is explicit so that a forgotten or stray file is seen in review.
function(tessera_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "FILES")
    if(NOT layer_FILES OR layer_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "tessera_layer(${name}): write tessera_layer(NAME FILES a.c b.c)")
    endif()
    add_library(tessera_layer_${name} OBJECT ${layer_FILES})
    tessera_internal_target(tessera_layer_${name})
    set_property(GLOBAL APPEND PROPERTY TESSERA_LAYERS ${name})
endfunction()

# Gives a target the flags, the dependencies and the internal include path.
function(tessera_internal_target target)
    target_include_directories(${target} PRIVATE
        "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src" "${TESSERA_GENERATED_DIR}")
    target_link_libraries(${target} PRIVATE tessera_flags tessera_dependencies)
    if(TARGET tessera_describe)
        add_dependencies(${target} tessera_describe)
    endif()
endfunction()
