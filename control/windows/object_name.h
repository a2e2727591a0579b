/*
 * Names of the kernel's objects, asked for with a limit of time: the question waits for ever where
 * a file is a pipe in which someone waits.
 */
#ifndef VIRTUALDISK_CONTROL_OBJECT_NAME_H
#define VIRTUALDISK_CONTROL_OBJECT_NAME_H

#include <windows.h>

struct vdisk_object_namer;

/* NULL: no memory. */
struct vdisk_object_namer *vdisk_object_namer_make(void);

/*
 * Closes `object`. The name is valid until the next question; L"" where there is none, or no answer
 * in time. NULL: too many questions got none.
 */
const wchar_t *vdisk_object_namer_ask(struct vdisk_object_namer *namer, HANDLE object);

void vdisk_object_namer_free(struct vdisk_object_namer *namer);

#endif
