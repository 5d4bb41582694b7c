cmake_minimum_required(VERSION 3.25)

# Script: writes build_describe.h, touching it only when its content changes. A tree without git, or a
# build that did not ask, gives an empty string, so that a source archive builds reproducibly.
set(describe "")
if(ENABLED AND EXISTS "${SOURCE_DIR}/.git")
    execute_process(COMMAND git -c safe.directory=* -C "${SOURCE_DIR}" describe --always --dirty --tags
        OUTPUT_VARIABLE describe OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
        RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        set(describe "")
    endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT
"/* Written by cmake/describe.cmake. */
#ifndef TESSERA_BUILD_DESCRIBE_H
#define TESSERA_BUILD_DESCRIBE_H

#define TESSERA_BUILD_DESCRIBE \"${describe}\"

#endif
")
