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

# tessera_command_line(FILES main.c ...): the program `tessera`, in cli/. It links the static library, so
# that it runs where it lies, and sees public headers only: it is the first user of the public interface.
function(tessera_command_line)
    cmake_parse_arguments(PARSE_ARGV 0 cli "" "" "FILES")
    if(NOT TARGET tessera_static)
        return()
    endif()
    add_executable(tessera_cli ${cli_FILES})
    set_target_properties(tessera_cli PROPERTIES OUTPUT_NAME tessera
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    target_include_directories(tessera_cli PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
    target_link_libraries(tessera_cli PRIVATE tessera_flags tessera_static tessera_png m)
endfunction()
