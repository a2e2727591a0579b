/* An engine's error in words, for people who read the registry or the event log. */
#ifndef VIRTUALDISK_DRIVER_WORDS_H
#define VIRTUALDISK_DRIVER_WORDS_H

#include <ntifs.h>

#include "virtualdisk/status.h"

/*
 * For example: "\??\C:\a.vhdx: VHDX region table 2 at offset 262144: checksum does not match". NULL
 * when there is no memory; free with vdisk_free. *Length counts bytes; there is no NUL.
 */
_IRQL_requires_max_(DISPATCH_LEVEL) PWCHAR
    VdWordsMake(_In_ const struct vdisk_error *Error, _Out_ USHORT *Length);

#endif
