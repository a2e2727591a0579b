/* What the parts of the test driver share. */
#ifndef TEST_DRIVER_H
#define TEST_DRIVER_H

#include <ntddk.h>
#include <wdf.h>

#include "wdfldr_test.h"

#define TEST_TAG 'tdfW'

typedef struct _TEST_DEVICE {
    WDFDEVICE Device;
    WDFQUEUE Manual;
    WDFQUEUE Sequential;
    WDFREQUEST Current; /* of the sequential queue */
    LONG CancelCalls;
} TEST_DEVICE;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(TEST_DEVICE, TestGetDevice)

/* An answer of a case: text that grows, cut off at its end. */
typedef struct _TEST_TEXT {
    CHAR *Buffer;
    SIZE_T Size;
    SIZE_T Length;
} TEST_TEXT;

VOID TestSay(TEST_TEXT *Text, const char *Format, ...);

/* Breaks a rule; returns when the rule is not enforced. */
VOID TestMisbehave(TEST_DEVICE *Device, WDFREQUEST Request, ULONG Case);
VOID TestParents(TEST_DEVICE *Device, TEST_TEXT *Text);
VOID TestObjects(TEST_DEVICE *Device, TEST_TEXT *Text);
VOID TestQueueStates(TEST_DEVICE *Device, TEST_TEXT *Text);
VOID TestTimer(TEST_DEVICE *Device, TEST_TEXT *Text);
VOID TestSddl(TEST_TEXT *Text);
VOID TestRegistry(TEST_DEVICE *Device, TEST_TEXT *Text);
VOID TestPnpOrder(TEST_TEXT *Text);

EVT_WDF_DRIVER_DEVICE_ADD TestPnpDeviceAdd;

#endif
