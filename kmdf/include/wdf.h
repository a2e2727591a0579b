/*
 * The KMDF 1.15 interface: what a storage driver uses of it.
 *
 * Names, types, values and layouts are those of the public documentation and of Microsoft's MIT
 * licensed framework, so that a driver compiles unchanged against Microsoft's own headers.
 * A driver source includes <ntddk.h> (or <ntifs.h>) and then <wdf.h>, nothing else of this folder.
 *
 * On x86 every callback and every table entry is stdcall (NTAPI), but for the two that are marked
 * FASTCALL.
 */
#ifndef KMDF_WDF_H
#define KMDF_WDF_H

#include <driverspecs.h>

/* An object file of another framework version fails to link instead of calling wrong entries. */
#define WdfFunctions WdfFunctions_01015

typedef VOID(NTAPI *WDFFUNC)(VOID);
extern const WDFFUNC *WdfFunctions;

#include "wdftypes.h"
#include "wdfglobals.h"
#include "wdffuncenum.h"
#include "wdffunction.h"
#include "wdfstatus.h"
#include "wdfverifier.h"
#include "wdfobject.h"
#include "wdfsync.h"
#include "wdfcore.h"
#include "wdfdriver.h"
#include "wdfmemory.h"
#include "wdffileobject.h"
#include "wdfrequest.h"
#include "wdfdevice.h"
#include "wdfcollection.h"
#include "wdfdpc.h"
#include "wdftimer.h"
#include "wdfworkitem.h"
#include "wdfio.h"
#include "wdffdo.h"
#include "wdfcontrol.h"
#include "wdfstring.h"
#include "wdfregistry.h"

#endif
