# cmake -C .cmake/release.cmake -B build/release -G Ninja: what is shipped
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(TS_SANITIZE "" CACHE STRING "")
set(TS_WERROR ON CACHE BOOL "")
