# Foreign libraries, each behind one target name. Portable builds take the archives.
if(GNA_PORTABLE)
  set(OPENSSL_USE_STATIC_LIBS ON)
  set(Protobuf_USE_STATIC_LIBS ON)
  add_compile_options(-ffunction-sections -fdata-sections)  # so that the linker can leave out what nobody calls
  set(ZLIB_USE_STATIC_LIBS ON)
endif()
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.81 REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

# gRPC without TLS: its only peer is containerd's Unix socket, and OpenSSL serves the rest. Saves 2.8 MB.
if(GNA_PORTABLE)
  pkg_check_modules(GRPC REQUIRED grpc++_unsecure)
  # Abseil's archives depend on each other in circles: each once, all in one group.
  set(archives ${GRPC_STATIC_LIBRARIES} address_sorting cares re2 upb z)  # the last five: missing in its .pc file
  list(REMOVE_DUPLICATES archives)
  list(REMOVE_ITEM archives dl rt m pthread atomic ssl crypto)
  set(group)
  foreach(name ${archives})
    find_library(GNA_ARCHIVE_${name} lib${name}.a REQUIRED)
    list(APPEND group ${GNA_ARCHIVE_${name}})
  endforeach()
  add_library(gna_grpc INTERFACE)
  target_link_libraries(gna_grpc INTERFACE -Wl,--start-group ${group} -Wl,--end-group Threads::Threads ${CMAKE_DL_LIBS})
  add_library(PkgConfig::GRPC ALIAS gna_grpc)
else()
  pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++_unsecure)
endif()

# fmt: Debian has no archive of it, so a portable build compiles it in.
if(GNA_PORTABLE)
  add_library(fmt::fmt INTERFACE IMPORTED)
  target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY=1)
else()
  find_package(fmt REQUIRED)
endif()

# yaml-cpp: Debian installs both; its CMake package gives the shared one.
add_library(gna_yaml_cpp INTERFACE)
if(GNA_PORTABLE)
  find_library(YAML_CPP_ARCHIVE libyaml-cpp.a REQUIRED)
  target_link_libraries(gna_yaml_cpp INTERFACE ${YAML_CPP_ARCHIVE})
else()
  target_link_libraries(gna_yaml_cpp INTERFACE yaml-cpp)
endif()
add_library(gna::yaml_cpp ALIAS gna_yaml_cpp)
