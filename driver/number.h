/* The numbers N of \Device\VirtualDisk-N: the smallest that is free. Any IRQL. */
#ifndef VIRTUALDISK_DRIVER_NUMBER_H
#define VIRTUALDISK_DRIVER_NUMBER_H

#include <ntddk.h>

#define VD_NUMBER_NONE ((ULONG)-1)

/* VD_NUMBER_NONE when all are taken. */
ULONG VdNumberTake(VOID);
VOID VdNumberGiveBack(_In_ ULONG Number);

#endif
