# tessera_dependencies: the libraries under libtessera. Each pkg-config name is also listed in the
# installed tessera.pc and CMake package, so that the static library can be linked.
find_package(PkgConfig REQUIRED)

set(TESSERA_PKGCONFIG_REQUIRED json-c libzstd liblz4 blosc libdeflate zlib liblzma libisal)
set(TESSERA_PKGCONFIG_USED ${TESSERA_PKGCONFIG_REQUIRED})

add_library(tessera_dependencies INTERFACE)
foreach(module IN LISTS TESSERA_PKGCONFIG_REQUIRED)
    string(MAKE_C_IDENTIFIER "TESSERA_${module}" prefix)
    pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET ${module})
    target_link_libraries(tessera_dependencies INTERFACE PkgConfig::${prefix})
endforeach()

# Debian's bzip2 has no .pc file.
find_package(BZip2 REQUIRED)
target_link_libraries(tessera_dependencies INTERFACE BZip2::BZip2 m)

# TESSERA_HAVE_<part> is 1 where `switch` is on and all its pkg-config modules are there, which are used then.
# A module may say which version is needed: `NAME>=VERSION`.
macro(optional_part part switch)
    set(TESSERA_HAVE_${part} 0)
    string(REGEX REPLACE ">=[^;]*" "" modules "${ARGN}")
    if(${switch})
        set(TESSERA_HAVE_${part} 1)
        foreach(wanted ${ARGN})
            string(REGEX REPLACE ">=.*" "" module "${wanted}")
            string(MAKE_C_IDENTIFIER "TESSERA_${module}" prefix)
            pkg_check_modules(${prefix} IMPORTED_TARGET ${wanted})
            if(NOT ${prefix}_FOUND)
                set(TESSERA_HAVE_${part} 0)
            endif()
        endforeach()
    endif()
    if(TESSERA_HAVE_${part})
        list(APPEND TESSERA_PKGCONFIG_USED ${modules})
        foreach(module ${modules})
            string(MAKE_C_IDENTIFIER "TESSERA_${module}" prefix)
            target_link_libraries(tessera_dependencies INTERFACE PkgConfig::${prefix})
        endforeach()
    endif()
endmacro()

# HDF5 lies below libnetcdf anyway; plain HDF5 files are read through it directly.
optional_part(NETCDF TESSERA_NETCDF netcdf hdf5)
optional_part(NPZ TESSERA_NPZ libzip)
# Handles with limits and messages of their own came with 4.5.
optional_part(TIFF TESSERA_TIFF libtiff-4>=4.5)
optional_part(HASH TESSERA_HASH nettle)
# Libraries of pictures, each a codec of its own.
optional_part(IMAGE_PNG TESSERA_IMAGES libpng)
optional_part(IMAGE_JPEG TESSERA_IMAGES libjpeg)
optional_part(IMAGE_WEBP TESSERA_IMAGES libwebp)
optional_part(IMAGE_JPEG2K TESSERA_IMAGES libopenjp2)

# zfp has no .pc file, and its CMake package wants an OpenMP of the compiler in use, which clang may not
# have: it is looked for by name, and is a row of its own in tessera.pc and in the CMake package.
set(TESSERA_HAVE_ZFP 0)
set(TESSERA_PLAIN_LIBRARIES "")
if(TESSERA_ZFP)
    find_path(TESSERA_zfp_HEADERS zfp.h)
    find_library(TESSERA_zfp_LIBRARY zfp)
    if(TESSERA_zfp_HEADERS AND TESSERA_zfp_LIBRARY)
        set(TESSERA_HAVE_ZFP 1)
        list(APPEND TESSERA_PLAIN_LIBRARIES zfp)
        file(STRINGS ${TESSERA_zfp_HEADERS}/zfp/version.h zfp_numbers
            REGEX "define ZFP_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
        list(TRANSFORM zfp_numbers REPLACE "^[^0-9]+([0-9]+).*$" "\\1")
        list(JOIN zfp_numbers "." zfp_VERSION)
        target_include_directories(tessera_dependencies SYSTEM INTERFACE ${TESSERA_zfp_HEADERS})
        target_link_libraries(tessera_dependencies INTERFACE ${TESSERA_zfp_LIBRARY})
    endif()
endif()

# libpng also serves the command line, which draws (cli/ links tessera_png).
set(TESSERA_HAVE_PNG 0)
add_library(tessera_png INTERFACE)
if(TESSERA_PNG)
    pkg_check_modules(TESSERA_png IMPORTED_TARGET libpng)
    if(TESSERA_png_FOUND)
        set(TESSERA_HAVE_PNG 1)
        target_link_libraries(tessera_png INTERFACE PkgConfig::TESSERA_png)
    endif()
endif()
target_compile_definitions(tessera_png INTERFACE TESSERA_HAVE_PNG=${TESSERA_HAVE_PNG})
