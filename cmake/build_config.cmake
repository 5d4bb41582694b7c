# Writes two internal headers: tessera/build_config.h (version, optional parts, compiler; known now)
# and tessera/build_describe.h (`git describe`; known at each build, empty without git).
set(TESSERA_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")

if(TESSERA_SANITIZE)
    set(TESSERA_BUILD_KIND "${CMAKE_BUILD_TYPE}, ${TESSERA_SANITIZE} sanitizer")
else()
    set(TESSERA_BUILD_KIND "${CMAKE_BUILD_TYPE}")
endif()
foreach(module IN LISTS TESSERA_PKGCONFIG_USED)
    string(MAKE_C_IDENTIFIER "TESSERA_${module}" prefix)
    string(APPEND TESSERA_DEPENDENCY_ROWS "    X(\"${module}\", \"${${prefix}_VERSION}\") \\\n")
endforeach()
foreach(library IN LISTS TESSERA_PLAIN_LIBRARIES)
    string(APPEND TESSERA_DEPENDENCY_ROWS "    X(\"${library}\", \"${${library}_VERSION}\") \\\n")
endforeach()
configure_file("${CMAKE_CURRENT_LIST_DIR}/build_config.h.in"
    "${TESSERA_GENERATED_DIR}/tessera/build_config.h" @ONLY)

set(describe_command ${CMAKE_COMMAND}
    -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
    -DOUTPUT=${TESSERA_GENERATED_DIR}/tessera/build_describe.h
    -DENABLED=${TESSERA_DESCRIBE}
    -P ${CMAKE_CURRENT_LIST_DIR}/describe.cmake)
execute_process(COMMAND ${describe_command} COMMAND_ERROR_IS_FATAL ANY)
if(TESSERA_DESCRIBE)
    add_custom_target(tessera_describe
        BYPRODUCTS "${TESSERA_GENERATED_DIR}/tessera/build_describe.h"
        COMMAND ${describe_command} VERBATIM)
endif()
