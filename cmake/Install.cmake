# Three components: gna (the program), osc (the core's first room and what it stands on), pass (the rooms of a whole pass).
#   cmake --install build/dev --prefix DIR --component osc
include(CMakePackageConfigHelpers)
set(GNA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/gna)

# The program is at BUILD/gna, whatever room it is built in.
if(TARGET gna)
  set_target_properties(gna PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  install(TARGETS gna RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT gna)
endif()

# gna_install(COMPONENT target...): libraries, public headers and targets for find_package.
function(gna_install component)
  foreach(target ${ARGN})
    get_target_property(sets ${target} HEADER_SETS)
    set(headers)
    if(sets)
      set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT ${component})
    endif()
    install(TARGETS ${target} EXPORT gna-${component}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component} ${headers})
  endforeach()
  install(EXPORT gna-${component} NAMESPACE gna:: DESTINATION ${GNA_CMAKE_DIR} COMPONENT ${component})
  # The configuration of the package goes with each of them.
  install(FILES ${PROJECT_BINARY_DIR}/gnaConfig.cmake ${PROJECT_BINARY_DIR}/gnaConfigVersion.cmake
    DESTINATION ${GNA_CMAKE_DIR} COMPONENT ${component})
endfunction()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/gnaConfig.cmake.in ${PROJECT_BINARY_DIR}/gnaConfig.cmake
  INSTALL_DESTINATION ${GNA_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gnaConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# A portable build names archives of this very machine: nothing for others to link with.
if(NOT GNA_PORTABLE)
  set(core gna_base gna_yaml gna_osc)
  gna_install(osc ${core} gna_yaml_cpp gna_warnings)

  get_property(rooms GLOBAL PROPERTY GNA_ROOMS)
  list(REMOVE_ITEM rooms ${core})
  gna_install(pass ${rooms} gna_proto_containerd)
endif()
foreach(target gna_yaml_cpp gna_warnings gna_proto_containerd)
  string(REPLACE gna_ "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
endforeach()
