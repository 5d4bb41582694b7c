# tessera_flags: what every object of ours is compiled with. Sanitizers go to the whole build, since
# half a program under a sanitizer reports nonsense.
include(CheckCCompilerFlag)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Kind of build" FORCE)
endif()

add_library(tessera_flags INTERFACE)
target_compile_definitions(tessera_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(tessera_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2 -Wundef
    -ffp-contract=off -fno-math-errno
    $<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation>
    # The same source gives the same binary wherever the tree lies.
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
target_link_libraries(tessera_flags INTERFACE Threads::Threads)
if(TESSERA_WERROR)
    target_compile_options(tessera_flags INTERFACE -Werror)
endif()

if(TESSERA_SANITIZE)
    add_compile_options(-fsanitize=${TESSERA_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TESSERA_SANITIZE})
endif()
if(TESSERA_COVERAGE)
    # Atomic, since threads count in the same places.
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
if(TESSERA_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Adds a flag to tessera_flags where the compiler knows it; not every machine has every protection.
function(tessera_flag_if_known flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
    check_c_compiler_flag("${flag}" ${known})
    if(${known})
        target_compile_options(tessera_flags INTERFACE "${flag}")
    endif()
endfunction()

if(TESSERA_HARDEN AND NOT TESSERA_SANITIZE)
    # Some distributions define _FORTIFY_SOURCE by default; a second definition would be an error.
    target_compile_options(tessera_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection
            -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
        tessera_flag_if_known(${flag})
    endforeach()
    target_link_options(tessera_flags INTERFACE LINKER:-z,relro LINKER:-z,now
        LINKER:-z,noexecstack)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
