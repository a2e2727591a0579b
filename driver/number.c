#include "driver/number.h"

#define NUMBER_COUNT  1024
#define BITS_PER_WORD 32

static volatile LONG TakenNumbers[NUMBER_COUNT / BITS_PER_WORD];

ULONG VdNumberTake(ULONG First)
{
    for (ULONG Number = First; Number < NUMBER_COUNT; Number++) {
        const LONG Bit = (LONG)(1u << Number % BITS_PER_WORD);

        if ((InterlockedOr(&TakenNumbers[Number / BITS_PER_WORD], Bit) & Bit) == 0)
            return Number;
    }
    return VD_NUMBER_NONE;
}

VOID VdNumberGiveBack(ULONG Number)
{
    const LONG Bit = (LONG)(1u << Number % BITS_PER_WORD);

    if (Number != VD_NUMBER_NONE)
        InterlockedAnd(&TakenNumbers[Number / BITS_PER_WORD], ~Bit);
}
