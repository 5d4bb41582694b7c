# What `cmake --install` puts where: headers, both libraries, the program, and what other builds need to
# find them (pkg-config, CMake package). Builds with sanitizers or coverage are not for installing.
if(NOT TARGET tessera_shared OR TESSERA_SANITIZE OR TESSERA_COVERAGE)
    return()
endif()
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/tessera")

install(TARGETS tessera_shared EXPORT tessera_shared)
install(TARGETS tessera_static EXPORT tessera_static)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# find_package(tessera): the static library stands in a file of its own, which is read only where the
# libraries under it are found.
foreach(kind shared static)
    install(EXPORT tessera_${kind} NAMESPACE tessera:: FILE tessera-${kind}-targets.cmake
        DESTINATION "${package_folder}")
endforeach()
list(JOIN TESSERA_PKGCONFIG_USED " " TESSERA_CONFIG_MODULES)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tessera-config.cmake.in"
    "${PROJECT_BINARY_DIR}/tessera-config.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tessera-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tessera-config.cmake"
    "${PROJECT_BINARY_DIR}/tessera-config-version.cmake" DESTINATION "${package_folder}")

# pkg-config: relative to where the file lies, so that an installed tree can be moved.
set(pkgconfig_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH TESSERA_PC_PREFIX "/${pkgconfig_folder}" "/")
string(REGEX REPLACE "/$" "" TESSERA_PC_PREFIX "${TESSERA_PC_PREFIX}")
list(JOIN TESSERA_PKGCONFIG_USED ", " TESSERA_PC_REQUIRES)
set(TESSERA_PC_PLAIN "")
foreach(library IN LISTS TESSERA_PLAIN_LIBRARIES)
    string(APPEND TESSERA_PC_PLAIN " -l${library}")
endforeach()
configure_file("${CMAKE_CURRENT_LIST_DIR}/tessera.pc.in" "${PROJECT_BINARY_DIR}/tessera.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tessera.pc" DESTINATION "${pkgconfig_folder}")

if(NOT TARGET tessera_cli)
    return()
endif()
install(TARGETS tessera_cli)

# The program writes its manual pages and completions itself, from its option table.
if(NOT CMAKE_CROSSCOMPILING)
    set(manual "${PROJECT_BINARY_DIR}/manual")
    install(CODE "
        set(program \"$<TARGET_FILE:tessera_cli>\")
        set(manual \"${manual}\")
        set(man_folder \"${CMAKE_INSTALL_MANDIR}/man1\")
        set(data_folder \"${CMAKE_INSTALL_DATADIR}\")
        include(\"${CMAKE_CURRENT_LIST_DIR}/install_manual.cmake\")")
endif()
