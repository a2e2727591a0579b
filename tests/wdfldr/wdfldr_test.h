/*
 * The contract between the test driver and the test program. Every case is a control code of its
 * own; a case that answers puts text into the output buffer.
 */
#ifndef WDFLDR_TEST_H
#define WDFLDR_TEST_H

#define WDFLDR_TEST_SERVICE L"WdfldrTest"
#define WDFLDR_TEST_DEVICE  L"\\Device\\WdfldrTest"
#define WDFLDR_TEST_LINK    L"\\DosDevices\\WdfldrTest"
#define WDFLDR_TEST_PATH    L"\\\\.\\WdfldrTest"

#define WDFLDR_TEST_CODE(function) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (function), 0, 0)

enum wdfldr_test_case {
    /* Each breaks one rule: the runtime stops the driver. */
    MISBEHAVE_DOUBLE_COMPLETION,
    MISBEHAVE_NOT_OWNED,
    MISBEHAVE_USE_AFTER_DELETE,
    MISBEHAVE_LEAK,
    MISBEHAVE_WRONG_IRQL,
    MISBEHAVE_RETURN_RAISED,
    MISBEHAVE_LOSE_REQUEST,
    MISBEHAVE_INFORMATION,
    MISBEHAVE_STILL_CANCELABLE,
    MISBEHAVE_WRONG_OBJECT,
    MISBEHAVE_BAD_HANDLE,
    MISBEHAVE_STATUS_PENDING,
    MISBEHAVE_LOCK_TWICE,
    MISBEHAVE_WAIT_LOCK_TWICE,
    MISBEHAVE_RELEASE_SPIN,
    MISBEHAVE_RELEASE_WAIT,
    MISBEHAVE_WAIT_FOR_ITSELF,
    MISBEHAVE_USE_AFTER_COMPLETION,
    MISBEHAVE_DEREFERENCE,
    MISBEHAVE_BUG_CHECK,

    /* Each does something right and answers with what happened. */
    BEHAVE_NOT_IMPLEMENTED,
    BEHAVE_PARENTS,
    BEHAVE_OBJECTS,
    BEHAVE_QUEUE_STATES,
    BEHAVE_TIMER,
    BEHAVE_PNP_ORDER,
    BEHAVE_SDDL,
    BEHAVE_REGISTRY,

    /* Requests that stay, and what is done with them. */
    QUEUE_PEND,
    QUEUE_PEND_OWNED,
    QUEUE_SEQUENTIAL,
    QUEUE_COMPLETE_ONE,
    QUEUE_COUNTS,
};

#endif
