/* cmocka, with the headers that must come before it. */
#ifndef VIRTUALDISK_TESTS_CMOCKA_ALL_H
#define VIRTUALDISK_TESTS_CMOCKA_ALL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#endif
