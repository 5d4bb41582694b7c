# Runs at installation, with program, manual, man_folder and data_folder set.
file(REMOVE_RECURSE "${manual}")
file(MAKE_DIRECTORY "${manual}")

execute_process(COMMAND "${program}" man "${manual}" RESULT_VARIABLE result
    OUTPUT_QUIET ERROR_VARIABLE said)
file(GLOB pages "${manual}/*.1")
if(result EQUAL 0 AND pages)
    file(INSTALL ${pages} DESTINATION "${CMAKE_INSTALL_PREFIX}/${man_folder}")
else()
    message(WARNING "no manual pages: `tessera man` ended with ${result} ${said}")
endif()

foreach(row "bash:bash-completion/completions/tessera" "zsh:zsh/site-functions/_tessera"
        "fish:fish/vendor_completions.d/tessera.fish")
    string(REGEX MATCH "^([a-z]+):(.*)/([^/]+)$" matched "${row}")
    set(shell "${CMAKE_MATCH_1}")
    set(folder "${CMAKE_MATCH_2}")
    set(file "${CMAKE_MATCH_3}")
    execute_process(COMMAND "${program}" completion ${shell} RESULT_VARIABLE result
        OUTPUT_FILE "${manual}/${file}" ERROR_VARIABLE said)
    if(result EQUAL 0)
        file(INSTALL "${manual}/${file}"
            DESTINATION "${CMAKE_INSTALL_PREFIX}/${data_folder}/${folder}")
    else()
        message(WARNING "no completion for ${shell}: `tessera completion` ended with ${result} ${said}")
    endif()
endforeach()
