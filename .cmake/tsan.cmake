# cmake -C .cmake/tsan.cmake -B build/tsan -G Ninja: debug with TSan
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(TS_SANITIZE thread CACHE STRING "")
set(TS_WERROR ON CACHE BOOL "")
set(TS_TESTS ON CACHE BOOL "")
