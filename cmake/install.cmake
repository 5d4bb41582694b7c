# What `cmake --install` puts where. Sanitized and fuzz builds are not for installing.
if(NOT TARGET tessera_shared OR TESSERA_SANITIZE)
    return()
endif()
install(TARGETS tessera_shared tessera_static)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
