# cmake -C .cmake/unused.cmake -B build/unused -G Ninja: so that the linker can name what no program uses;
# tests/contract/test_unused.py. A section a function, and no optimization: what is inlined is used all the same.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_C_FLAGS "-ffunction-sections -fdata-sections" CACHE STRING "")
set(TS_TESTS ON CACHE BOOL "")
