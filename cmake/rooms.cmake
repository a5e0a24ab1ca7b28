# One library per room. A room sees its own public headers and, by linking, those of the rooms to its left.

# The Python module is a shared library made of the rooms. No symbol of theirs is meant to be replaced at run time, so
# the compiler may inline as in a program.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-fno-semantic-interposition)
endif()

add_library(bigmac_options INTERFACE)
target_compile_options(bigmac_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(bigmac_options INTERFACE -Wno-restrict)  # false alarms on string + in GCC 12 (PR 105651)
endif()
if(BIGMAC_WERROR)
  target_compile_options(bigmac_options INTERFACE -Werror)
endif()
if(BIGMAC_SANITIZE)
  target_compile_options(bigmac_options INTERFACE -fsanitize=${BIGMAC_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(bigmac_options INTERFACE -fsanitize=${BIGMAC_SANITIZE})
endif()
if(BIGMAC_FUZZ)
  target_compile_options(bigmac_options INTERFACE -fsanitize=fuzzer-no-link)  # libFuzzer sees which branches an input takes
endif()

# bigmac_room(NAME FOLDER [ROOMS TO THE LEFT...])
function(bigmac_room name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  add_library(bigmac_${name} STATIC ${sources})
  add_library(bigmac::${name} ALIAS bigmac_${name})
  target_include_directories(bigmac_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(bigmac_${name} PRIVATE bigmac_options)
  foreach(room ${ARGN})
    target_link_libraries(bigmac_${name} PUBLIC bigmac_${room})
  endforeach()
  # The one home of JSON in each room: files that end in _json.cpp.
  target_link_libraries(bigmac_${name} PRIVATE nlohmann_json::nlohmann_json)
endfunction()
