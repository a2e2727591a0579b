/* The numbers N of \Device\VirtualDisk-N: the smallest that is free. Any IRQL. */
#ifndef VIRTUALDISK_DRIVER_NUMBER_H
#define VIRTUALDISK_DRIVER_NUMBER_H

#include <ntddk.h>

#define VD_NUMBER_NONE ((ULONG)-1)

/* The lowest that is free, from `First` on; VD_NUMBER_NONE when all are taken. */
_IRQL_requires_max_(DISPATCH_LEVEL) ULONG VdNumberTake(_In_ ULONG First);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdNumberGiveBack(_In_ ULONG Number);

#endif
