# The program is at BUILD/gna, whatever room it is built in.
if(TARGET gna)
  set_target_properties(gna PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  install(TARGETS gna RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT gna)
endif()
