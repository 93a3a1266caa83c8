# cmake -C .cmake/dev.cmake -B build/dev -G Ninja: debug with ASan and UBSan
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(TS_SANITIZE address,undefined CACHE STRING "")
set(TS_WERROR ON CACHE BOOL "")
set(TS_TESTS ON CACHE BOOL "")
