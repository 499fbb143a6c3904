# One binary for every distribution with glibc 2.35 or later: all but glibc is inside. libsystemd is opened at run time.
if(GNA_PORTABLE AND TARGET gna)
  target_sources(gna PRIVATE ${CMAKE_CURRENT_LIST_DIR}/portable/arc4random.cc)
  target_link_options(gna PRIVATE
    -static-libstdc++ -static-libgcc -s
    -Wl,--gc-sections -Wl,--as-needed
    -Wl,--exclude-libs,ALL     # no symbol of an archive is anybody else's business
    -Wl,-z,relro,-z,now)
endif()
