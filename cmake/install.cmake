# cmake --install: programs, libraries and headers, and the package that find_package(bigmac) finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# bigmac::bigmac is everything from a job to a plan.
add_library(bigmac INTERFACE)
add_library(bigmac::bigmac ALIAS bigmac)
target_link_libraries(bigmac INTERFACE bigmac_planner)

set(rooms base workload cost schedule graph engine memory report planner)
set(room_targets bigmac bigmac_options)
foreach(room ${rooms})
  set_target_properties(bigmac_${room} PROPERTIES EXPORT_NAME ${room})
  list(APPEND room_targets bigmac_${room})
  install(DIRECTORY include/bigmac/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bigmac)
endforeach()
install(TARGETS ${room_targets} EXPORT bigmac ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/bigmac)
install(EXPORT bigmac NAMESPACE bigmac:: FILE bigmac-targets.cmake DESTINATION ${folder})
foreach(library TBB MPI)
  set(HAVE_${library} OFF)
endforeach()
if(TBB_FOUND)
  set(HAVE_TBB ON)
endif()
if(MPI_CXX_FOUND)
  set(HAVE_MPI ON)
endif()
configure_package_config_file(cmake/bigmac-config.cmake.in ${CMAKE_BINARY_DIR}/bigmac-config.cmake INSTALL_DESTINATION ${folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/bigmac-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/bigmac-config.cmake ${CMAKE_BINARY_DIR}/bigmac-config-version.cmake DESTINATION ${folder})

foreach(program bigmac-plan bigmac-sim bigmac-profile bigmac-replay bigmac-run)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} OPTIONAL)  # what was built
  endif()
endforeach()
install(TARGETS bigmac_inject LIBRARY DESTINATION lib OPTIONAL)  # bigmac-profile looks beside its folder, in ../lib
install(FILES profiler/python/bigmac_memory.py DESTINATION ${CMAKE_INSTALL_DATADIR}/bigmac)
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/bigmac)
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/ DESTINATION ${CMAKE_INSTALL_DATADIR})  # manual pages, completions
if(TARGET bigmac_python)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/python/bigmac DESTINATION ${CMAKE_INSTALL_LIBDIR}/python3/site-packages)
endif()
