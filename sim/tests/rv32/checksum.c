// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// What a compiler makes of calls, recursion, tables and 64-bit arithmetic: 500 numbers are sorted,
// then every digit of them goes through CRC-32.

#include <stdint.h>

volatile uint32_t tohost;

__asm__(".section .text.start\n"
        ".globl _start\n"
        "_start: la sp, stack_top\n"
        "        call program\n"
        "1:      j 1b\n"
        ".bss\n"
        ".balign 16\n"
        ".zero 16384\n"
        "stack_top:\n");

static uint32_t numbers[500];

static void swap(uint32_t *a, uint32_t *b) {
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static void sort(uint32_t *first, uint32_t *last) {
    if (last - first < 2) return;
    uint32_t *middle = first;
    for (uint32_t *p = first + 1; p < last; p++) {
        if (*p < *first) swap(p, ++middle);
    }
    swap(first, middle);
    sort(first, middle);
    sort(middle + 1, last);
}

static uint32_t crc32(uint32_t crc, const char *text) {
    for (crc = ~crc; *text; text++) {
        crc ^= (uint8_t)*text;
        for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static const char *decimal(uint32_t number, char text[11]) {
    char *p = text + 10;
    *p = 0;
    do *--p = '0' + number % 10;
    while (number /= 10);
    return p;
}

void program(void) {
    uint64_t state = 1;
    for (int i = 0; i < 500; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = state >> 33;
    }
    sort(numbers, numbers + 500);
    uint32_t crc = 0;
    for (int i = 0; i < 500; i++) {
        char text[11];
        crc = crc32(crc, decimal(numbers[i], text));
    }
    // The sum comes from zlib, over the same digits.
    tohost = crc == 0x0aa20749 ? 1 : 3;
}
