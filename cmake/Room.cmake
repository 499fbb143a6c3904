# A room is one library target; its DEPS are the arrows of STYLE (ARCHITECTURE.md, "Arrows").

add_library(gna_warnings INTERFACE)
add_library(gna::warnings ALIAS gna_warnings)
target_compile_options(gna_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  $<$<BOOL:${GNA_WERROR}>:-Werror>)
if(GNA_SANITIZE)
  add_compile_options(-fsanitize=${GNA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GNA_SANITIZE})
endif()

if(GNA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# gna_room(NAME DIR dir SOURCES a.cc... [HEADERS gna/x.h...] [DEPS room...] [PRIVATE lib...])
#   HEADERS: relative to <INCLUDE>, installed; INCLUDE defaults to agent/include.
function(gna_room name)
  cmake_parse_arguments(ROOM "" "INCLUDE" "SOURCES;HEADERS;DEPS;PRIVATE" ${ARGN})
  if(NOT ROOM_INCLUDE)
    set(ROOM_INCLUDE ${PROJECT_SOURCE_DIR}/agent/include)
  endif()
  list(TRANSFORM ROOM_HEADERS PREPEND ${ROOM_INCLUDE}/)
  add_library(gna_${name} STATIC ${ROOM_SOURCES})
  add_library(gna::${name} ALIAS gna_${name})
  set_target_properties(gna_${name} PROPERTIES EXPORT_NAME ${name})
  target_sources(gna_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${ROOM_INCLUDE} FILES ${ROOM_HEADERS})
  # Headers of other rooms that are not installed: "agent/fs/root_fs.h".
  target_include_directories(gna_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${ROOM_INCLUDE}>)
  target_link_libraries(gna_${name} PUBLIC ${ROOM_DEPS} PRIVATE gna::warnings ${ROOM_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY GNA_ROOMS gna_${name})
endfunction()
