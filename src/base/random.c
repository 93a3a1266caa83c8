#include "base/random.h"

#include "base/time.h"

#include <stdint.h>
#include <sys/random.h>
#include <unistd.h>

/* splitmix64 (Steele, Lea, Flood 2014): every bit of the input changes half of the output's. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

double ts_random(void)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits)
        bits = mix((uint64_t)ts_now() ^ mix((uint64_t)getpid()));
    return (double)(bits >> 11) * 0x1p-53;
}
