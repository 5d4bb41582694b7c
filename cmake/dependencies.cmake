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

set(TESSERA_HAVE_NETCDF 0)
if(TESSERA_NETCDF)
    # HDF5 lies below libnetcdf anyway; plain HDF5 files are read through it directly.
    pkg_check_modules(TESSERA_netcdf IMPORTED_TARGET netcdf)
    pkg_check_modules(TESSERA_hdf5 IMPORTED_TARGET hdf5)
    if(TESSERA_netcdf_FOUND AND TESSERA_hdf5_FOUND)
        set(TESSERA_HAVE_NETCDF 1)
        list(APPEND TESSERA_PKGCONFIG_USED netcdf hdf5)
        target_link_libraries(tessera_dependencies INTERFACE PkgConfig::TESSERA_netcdf
            PkgConfig::TESSERA_hdf5)
    endif()
endif()

set(TESSERA_HAVE_NPZ 0)
if(TESSERA_NPZ)
    pkg_check_modules(TESSERA_libzip IMPORTED_TARGET libzip)
    if(TESSERA_libzip_FOUND)
        set(TESSERA_HAVE_NPZ 1)
        list(APPEND TESSERA_PKGCONFIG_USED libzip)
        target_link_libraries(tessera_dependencies INTERFACE PkgConfig::TESSERA_libzip)
    endif()
endif()

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

set(TESSERA_HAVE_HASH 0)
if(TESSERA_HASH)
    pkg_check_modules(TESSERA_nettle IMPORTED_TARGET nettle)
    if(TESSERA_nettle_FOUND)
        set(TESSERA_HAVE_HASH 1)
        list(APPEND TESSERA_PKGCONFIG_USED nettle)
        target_link_libraries(tessera_dependencies INTERFACE PkgConfig::TESSERA_nettle)
    endif()
endif()

# Libraries of pictures, each a codec of its own.
foreach(row "IMAGE_PNG libpng" "IMAGE_JPEG libjpeg" "IMAGE_WEBP libwebp")
    separate_arguments(row)
    list(GET row 0 part)
    list(GET row 1 module)
    set(TESSERA_HAVE_${part} 0)
    if(TESSERA_IMAGES)
        pkg_check_modules(TESSERA_${module} IMPORTED_TARGET ${module})
        if(TESSERA_${module}_FOUND)
            set(TESSERA_HAVE_${part} 1)
            list(APPEND TESSERA_PKGCONFIG_USED ${module})
            target_link_libraries(tessera_dependencies INTERFACE PkgConfig::TESSERA_${module})
        endif()
    endif()
endforeach()

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
