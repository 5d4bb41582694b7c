# The command line under faults. A few n of each sweep by default; SWEEP_RUNS=all tries each.
# Codecs are zstd and gzip: libblosc itself does not survive an allocation refused to it.
set(tree "${CMAKE_CURRENT_BINARY_DIR}/tree")
set(tree_script Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/tree.py")
add_test(NAME fault.tree COMMAND ${tree_script} make $<TARGET_FILE:tessera_cli> "${tree}")
tessera_test_properties(fault.tree LABELS fault)
set_tests_properties(fault.tree PROPERTIES FIXTURES_SETUP fault_tree)

# program_sweep(NAME [MOST runs] [WRITES array | REMOVES array | AFTER repaired|compacted|published|made|collected|mended|measured] FAULTS malloc|CALL:ERRNO ... [EXPECT option ...] RUN argument ...)
# Each fault is the test fault.NAME_FAULT; {tree} in an argument is the copied tree.
function(program_sweep name)
    cmake_parse_arguments(PARSE_ARGV 1 program "" "WRITES;REMOVES;AFTER;SELECTION;MOST" "FAULTS;RUN;EXPECT")
    if(NOT program_MOST)
        set(program_MOST 5)
    endif()
    if(NOT program_EXPECT)
        set(program_EXPECT --recover)
    endif()
    string(REPLACE "{tree}" "{work}/tree/t.zarr" arguments "${program_RUN}")
    string(REPLACE "{folder}" "{work}/tree" arguments "${arguments}")
    set(verify "'${Python3_EXECUTABLE}' -S '${CMAKE_CURRENT_SOURCE_DIR}/tree.py' verify \
'$<TARGET_FILE:tessera_cli>' '{work}/tree' ${program_WRITES}")
    if(program_REMOVES)
        set(verify "'${Python3_EXECUTABLE}' -S '${CMAKE_CURRENT_SOURCE_DIR}/tree.py' removed \
'$<TARGET_FILE:tessera_cli>' '{work}/tree' ${program_REMOVES}")
    endif()
    if(program_AFTER)
        set(verify "'${Python3_EXECUTABLE}' -S '${CMAKE_CURRENT_SOURCE_DIR}/tree.py' ${program_AFTER} \
'$<TARGET_FILE:tessera_cli>' '{work}/tree'")
    endif()
    if(program_SELECTION)
        set(verify "TREE_SELECTION=1 ${verify}")
    endif()
    foreach(fault ${program_FAULTS})
        string(REPLACE ":" "_" label "${fault}")
        set(manner CALL ${fault})
        set(most ${program_MOST})
        if(fault STREQUAL "malloc")
            set(manner "")
            math(EXPR most "${most} * 2")
        endif()
        tessera_sweep(${name}_${label} ${manner}
            OPTIONS --fixture "${tree}" --runs ${most} --verify "${verify}" ${program_EXPECT}
            COMMAND tessera_cli ${arguments})
        set_tests_properties(fault.${name}_${label} PROPERTIES FIXTURES_REQUIRED fault_tree
            ${program_files_in_memory})
        # Without memory for the user's locale the output is ASCII, as in this one.
        set_property(TEST fault.${name}_${label} APPEND PROPERTY ENVIRONMENT LC_ALL=C)
    endforeach()
endfunction()
if(IS_DIRECTORY /dev/shm)
    set(program_files_in_memory ENVIRONMENT TMPDIR=/dev/shm)
endif()

program_sweep(create RUN create "{folder}/made.zarr/n" --shape 10 --dtype u2 --overwrite
    --chunk-keys tessera.morton
    FAULTS malloc openat:EMFILE mkdirat:ENOSPC pwritev:ENOSPC fsync:EIO renameat2:EACCES)
program_sweep(create_statistics RUN create "{folder}/made.zarr/n" --shape 10 --dtype u2 --overwrite --statistics
    FAULTS malloc mkdirat:ENOSPC pwritev:ENOSPC renameat2:EACCES)
program_sweep(cp_statistics RUN cp "{tree}/sharded" "{folder}/made.zarr/c" --shards 4,16 --chunks 2,8 --statistics
    FAULTS malloc pread64:EIO pwritev:KILL renameat:KILL)
program_sweep(stats_update RUN stats --update "{tree}/sharded" EXPECT --recover --any-output
    FAULTS malloc openat:EMFILE pread64:EIO pwritev:ENOSPC renameat2:EIO pwritev:KILL renameat2:KILL)
# Copies of files are other values: all rows are stale, and are replaced where those above are new.
program_sweep(stats_renew AFTER measured RUN stats --update "{folder}/kept.zarr" EXPECT --recover --any-output
    FAULTS pwritev:ENOSPC renameat:EIO pwritev:KILL renameat:KILL)
program_sweep(put_kept AFTER measured RUN put "{folder}/bare.npy" "{folder}/kept.zarr"
    FAULTS malloc pwritev:ENOSPC renameat:EIO pwritev:KILL renameat:KILL)
program_sweep(put WRITES plain RUN put "{folder}/bare.npy" "{tree}/plain"
    FAULTS malloc openat:EMFILE pwritev:ENOSPC fdatasync:EIO renameat:EIO pwritev:KILL renameat:KILL
        fsync:KILL openat:KILL)
program_sweep(put_shard WRITES sharded RUN put "{folder}/bare.npy" "{tree}/sharded"
    FAULTS malloc openat:EMFILE pwritev:ENOSPC fdatasync:EIO renameat:EIO pwritev:KILL renameat:KILL
        fdatasync:KILL)
# The same where files share blocks, and a part is appended.
add_test(NAME fault.put_part_xfs COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/sweep_xfs.py"
    $<TARGET_FILE:tessera_cli> "${CMAKE_CURRENT_BINARY_DIR}" $<TARGET_FILE:nth_malloc_preload>)
tessera_test_properties(fault.put_part_xfs LABELS fault TIMEOUT 300)
set_tests_properties(fault.put_part_xfs PROPERTIES SKIP_RETURN_CODE 77)
if(TESSERA_SANITIZE MATCHES "thread" OR TESSERA_COVERAGE OR
        (TESSERA_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES "Clang"))
    set_tests_properties(fault.put_part_xfs PROPERTIES DISABLED TRUE)
endif()
program_sweep(put_part WRITES sharded SELECTION yes
    RUN put "{folder}/bare.npy[2:6,3:11]" "{tree}/sharded[2:6,3:11]"
    FAULTS malloc openat:EACCES pread64:EIO pwritev:ENOSPC fdatasync:EIO renameat:ENOSPC
        pwritev:KILL renameat:KILL fdatasync:KILL)
# A part of shards with parity: the rest of each is read to make parity of all of it.
program_sweep(put_parity WRITES parity SELECTION yes
    RUN put "{folder}/bare.npy[2:6,3:11]" "{tree}/parity[2:6,3:11]"
    FAULTS malloc pread64:EIO pwritev:ENOSPC fdatasync:EIO pwritev:KILL renameat:KILL)
program_sweep(cat RUN cat "{tree}/sharded" FAULTS malloc openat:EACCES pread64:EIO)
program_sweep(cat_strings RUN cat "{folder}/words.zarr" --format json FAULTS malloc pread64:EIO)
program_sweep(cp_strings RUN cp "{folder}/words.zarr" "{folder}/made.zarr/words" --chunks 3 --shards 6 --codec zstd:1
    FAULTS malloc pwritev:ENOSPC renameat:KILL)
program_sweep(cp_strings_v2 RUN cp "{folder}/words.zarr" "{folder}/made.zarr/words" --zarr-format 2 --codec zstd:1
    FAULTS malloc)
program_sweep(where RUN cat "{tree}/sharded" --where "x >= 1" FAULTS malloc)
program_sweep(cp RUN cp "{tree}/sharded" "{folder}/made.zarr/c" --shards 4,16 --chunks 2,8
    FAULTS malloc openat:EMFILE pread64:EIO mkdirat:ENOSPC pwritev:ENOSPC fdatasync:EIO renameat:EIO
        unlinkat:EIO pwritev:KILL renameat:KILL mkdirat:KILL)
program_sweep(cp_filters RUN cp "{tree}/sharded" "{folder}/made.zarr/c" --filters delta --codec zstd:1 FAULTS malloc)
program_sweep(cp_verify RUN cp "{tree}/sharded" "{folder}/made.zarr/c" --verify --codec zstd:1
    FAULTS malloc openat:EMFILE pread64:EIO)
program_sweep(import_references RUN import "{folder}/refs.json" "{folder}/made.zarr" --codec zstd:1
    FAULTS malloc pread64:EIO openat:EMFILE)
# A copy that is killed after it has taken away its mark is complete: a second one is told so.
program_sweep(cp_end RUN cp "{tree}/sharded" "{folder}/made.zarr/c" FAULTS unlinkat:KILL EXPECT
    --allow 8)
program_sweep(cp_verify_end RUN cp "{tree}/sharded" "{folder}/made.zarr/c" --verify --codec zstd:1
    FAULTS openat:KILL EXPECT --allow 8)
program_sweep(import_npy RUN import "{folder}/small.npy" "{folder}/made.zarr/c" --codec gzip:1
    FAULTS malloc pread64:EIO pwritev:ENOSPC renameat:KILL)
# Without refused allocations: libhdf5, which libnetcdf sets up, ends the process by itself when one fails early.
program_sweep(import_netcdf RUN import "{folder}/small.nc" "{folder}/made.zarr" --codec zstd:1
    FAULTS openat:EMFILE pread64:EIO pwritev:ENOSPC)
if(TESSERA_HAVE_TIFF)
    program_sweep(import_tiff RUN import "{folder}/small.tif" "{folder}/made.zarr/c" --codec zstd:1
        FAULTS malloc openat:EMFILE pread64:EIO pwritev:ENOSPC renameat:KILL)
endif()
program_sweep(check RUN check --data "{tree}" EXPECT --recover --report
    FAULTS malloc openat:EMFILE pread64:EIO)
# What is lost is told by exit status 1; a second run then finds nothing.
program_sweep(repair AFTER repaired RUN check --data --repair "{folder}/hurt.zarr" EXPECT --any-output --report
    FAULTS malloc openat:EMFILE pread64:EIO pwritev:ENOSPC linkat:EIO fdatasync:EIO fsync:EIO renameat:EIO
        linkat:KILL pwritev:KILL renameat:KILL fsync:KILL)
program_sweep(mend AFTER mended RUN check --data --repair "{folder}/mend.zarr" EXPECT --any-output --recover --report
    FAULTS malloc pread64:EIO pwritev:ENOSPC linkat:EIO fdatasync:EIO renameat:EIO linkat:KILL pwritev:KILL
        renameat:KILL fsync:KILL)
program_sweep(compact AFTER compacted RUN compact "{folder}/waste.zarr" EXPECT --any-output --recover
    FAULTS malloc pread64:EIO fdatasync:EIO renameat:EIO pwritev:KILL renameat:KILL)
# Where the folders of chunks cannot be listed, the line of the stored size is left out.
program_sweep(info RUN info "{tree}/sharded" EXPECT --recover --any-output FAULTS malloc openat:EACCES pread64:EIO)
program_sweep(info_json RUN info --json "{tree}/sharded" FAULTS malloc)
program_sweep(tree RUN tree "{tree}" FAULTS malloc)
program_sweep(ls RUN ls -l "{tree}" FAULTS malloc)
program_sweep(stats RUN stats "{tree}/sharded" FAULTS malloc openat:EMFILE)
program_sweep(chunks RUN chunks "{tree}/sharded" --list FAULTS malloc)
program_sweep(census RUN chunks "{tree}" --census FAULTS malloc openat:EMFILE)
program_sweep(draw RUN draw "{tree}/sharded" -o - FAULTS malloc pread64:EIO)
program_sweep(diff RUN diff "{tree}" "{tree}" FAULTS malloc openat:EMFILE)
program_sweep(hash RUN hash "{tree}" --levels FAULTS malloc openat:EMFILE pread64:EIO)
program_sweep(hash_json RUN hash "{tree}" --levels --stored --json FAULTS malloc)
program_sweep(diff_hash RUN diff --hash "{tree}" "{tree}" FAULTS malloc openat:EMFILE)
program_sweep(cp_tree RUN cp -r "{tree}" "{folder}/made.zarr" --codec zstd:1 FAULTS malloc pwritev:ENOSPC renameat:KILL)
program_sweep(stack RUN stack "{tree}/sharded" "{tree}/plain" -o "{folder}/made.zarr/c" --axis 1
    FAULTS malloc pread64:EIO pwritev:ENOSPC renameat:KILL)
program_sweep(pyramid RUN pyramid "{tree}/plain" "{folder}/made.zarr" --levels 2 --method max
    FAULTS malloc openat:EMFILE pread64:EIO pwritev:ENOSPC renameat:EIO pwritev:KILL renameat:KILL)
# In a group that is there.
program_sweep(pyramid_group RUN pyramid "{tree}/plain" "{folder}/group.zarr" --levels 1 --method max
    FAULTS malloc openat:EMFILE pwritev:ENOSPC renameat:KILL renameat2:KILL)
program_sweep(export RUN export "{tree}/sharded" "{folder}/made.npy" --overwrite FAULTS malloc write:ENOSPC fsync:EIO)
# Without refused allocations, as for import_netcdf, and without refused writes: nc_close of libnetcdf 4.9.0 itself
# ends by a signal when the last one, of the superblock, fails.
program_sweep(export_netcdf RUN export "{tree}/sharded" "{folder}/made.nc" --overwrite
    FAULTS openat:EMFILE fsync:EIO pwrite64:KILL)
# One that is killed when all is gone but the status is told by the next as nothing there.
program_sweep(rm REMOVES plain RUN rm -f "{tree}/plain" FAULTS malloc openat:EMFILE unlinkat:EIO
    unlinkat:KILL EXPECT --allow 3)
program_sweep(rm_shard REMOVES sharded RUN rm -f "{tree}/sharded" FAULTS unlinkat:KILL fsync:EIO EXPECT
    --allow 3)
program_sweep(import_structs RUN import "{folder}/structs.npz" "{folder}/made.zarr" --zarr-format 2 --codec zstd:1
    FAULTS malloc pread64:EIO pwritev:KILL)
program_sweep(export_structs RUN export "{folder}/structs.npz/deflated" "{folder}/made.npy" --overwrite
    FAULTS malloc write:ENOSPC)
program_sweep(import_npz RUN import "{folder}/small.npz" "{folder}/made.zarr" --codec zstd:1
    FAULTS malloc openat:EMFILE pread64:EIO renameat:KILL)
# The command itself is a whole program, which the faults meet as well.
program_sweep(transaction AFTER published MOST 3
    RUN transaction "{tree}" -- $<TARGET_FILE:tessera_cli> put "{folder}/bare.npy" "{}/plain"
    FAULTS malloc openat:EMFILE mkdirat:ENOSPC linkat:EPERM renameat2:EIO fcntl:ENOLCK syncfs:EIO fsync:EIO
        mkdirat:KILL linkat:KILL renameat2:KILL fsync:KILL unlinkat:KILL renameat:KILL openat:KILL)
# The verification makes the tree where it is not there.
program_sweep(transaction_new AFTER made MOST 3
    RUN transaction --new "{folder}/n.zarr" -- $<TARGET_FILE:tessera_cli> cp "{tree}/sharded" "{}" --overwrite
    FAULTS malloc openat:EMFILE mkdirat:ENOSPC renameat2:EIO syncfs:EIO fsync:EIO mkdirat:KILL renameat2:KILL
        fsync:KILL unlinkat:KILL EXPECT --allow 8)
program_sweep(gc AFTER collected MOST 3 RUN gc "{folder}/versions.zarr" EXPECT --any-output --recover
    FAULTS malloc openat:EMFILE unlinkat:EIO unlinkat:KILL openat:KILL)
