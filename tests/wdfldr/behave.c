/* Objects, queues, timers and work items that do what the documentation says. */
#include "test_driver.h"

/* ---- the order of cleanup and destruction ---- */

typedef struct _NAMED {
    CHAR Name;
    TEST_TEXT *Text;
} NAMED;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(NAMED, GetNamed)

static EVT_WDF_OBJECT_CONTEXT_CLEANUP EvtCleanup;
static EVT_WDF_OBJECT_CONTEXT_DESTROY EvtDestroy;
static EVT_WDF_TIMER EvtTimer;
static EVT_WDF_WORKITEM EvtWork;

static VOID EvtCleanup(WDFOBJECT Object)
{
    TestSay(GetNamed(Object)->Text, "c%c ", GetNamed(Object)->Name);
}

static VOID EvtDestroy(WDFOBJECT Object)
{
    TestSay(GetNamed(Object)->Text, "d%c ", GetNamed(Object)->Name);
}

static WDFOBJECT CreateNamed(WDFOBJECT Parent, CHAR Name, TEST_TEXT *Text)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object = NULL;

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NAMED);
    Attributes.EvtCleanupCallback = EvtCleanup;
    Attributes.EvtDestroyCallback = EvtDestroy;
    Attributes.ParentObject = Parent;
    if (NT_SUCCESS(WdfObjectCreate(&Attributes, &Object))) {
        GetNamed(Object)->Name = Name;
        GetNamed(Object)->Text = Text;
    }
    return Object;
}

VOID TestParents(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    WDFOBJECT Parent = CreateNamed(Device->Device, 'P', Text);
    WDFOBJECT Child = CreateNamed(Parent, 'C', Text);
    WDFOBJECT Other = CreateNamed(Parent, 'O', Text);

    (void)CreateNamed(Child, 'G', Text);
    WdfObjectReference(Other);
    WdfObjectDelete(Parent);
    TestSay(Text, "| ");
    WdfObjectDereference(Other);
}

/* ---- memory, strings, collections, contexts ---- */

typedef struct _EXTRA {
    ULONG Value;
} EXTRA;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(EXTRA, GetExtra)

static VOID SayStrings(WDFCOLLECTION Collection, TEST_TEXT *Text)
{
    ULONG i;

    for (i = 0; i < WdfCollectionGetCount(Collection); i++) {
        UNICODE_STRING Value;
        WdfStringGetUnicodeString(WdfCollectionGetItem(Collection, i), &Value);
        TestSay(Text, "%ls ", Value.Buffer);
    }
}

static NTSTATUS AddString(WDFCOLLECTION Collection, PCWSTR Value)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Unicode;
    WDFSTRING String;
    NTSTATUS Status;

    RtlInitUnicodeString(&Unicode, Value);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Collection;
    Status = WdfStringCreate(&Unicode, &Attributes, &String);
    return NT_SUCCESS(Status) ? WdfCollectionAdd(Collection, String) : Status;
}

VOID TestObjects(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFCOLLECTION Collection;
    EXTRA *First = NULL;
    EXTRA *Second = NULL;
    CHAR Bytes[8] = "abcdefg";

    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device->Device;
    if (!NT_SUCCESS(WdfCollectionCreate(&Attributes, &Collection)) ||
        !NT_SUCCESS(AddString(Collection, L"one")) || !NT_SUCCESS(AddString(Collection, L"two"))) {
        TestSay(Text, "no collection ");
        return;
    }
    SayStrings(Collection, Text);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, EXTRA);
    TestSay(Text, "%d ", GetExtra(Collection) == NULL);
    TestSay(Text, "0x%08lx ", WdfObjectAllocateContext(Collection, &Attributes, (PVOID *)&First));
    TestSay(Text, "0x%08lx ", WdfObjectAllocateContext(Collection, &Attributes, (PVOID *)&Second));
    TestSay(Text, "%d %d ", First == Second && First == GetExtra(Collection),
            WdfObjectContextGetObject(First) == (WDFOBJECT)Collection);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Collection;
    {
        WDFMEMORY Memory;
        if (NT_SUCCESS(WdfMemoryCreate(&Attributes, NonPagedPoolNx, TEST_TAG, 4, &Memory, NULL))) {
            TestSay(Text, "0x%08lx ", WdfMemoryCopyFromBuffer(Memory, 0, Bytes, 5));
            TestSay(Text, "0x%08lx ", WdfMemoryCopyFromBuffer(Memory, 1, Bytes, 3));
        }
    }
    WdfObjectDelete(Collection);
}

/* ---- the registry ---- */

static VOID SayValues(WDFKEY Key, WDFCOLLECTION Strings, TEST_TEXT *Text)
{
    DECLARE_CONST_UNICODE_STRING(NumberName, L"Number");
    DECLARE_CONST_UNICODE_STRING(ListName, L"List");
    DECLARE_CONST_UNICODE_STRING(MissingName, L"Missing");
    WDFMEMORY Memory;
    size_t Size;
    ULONG Number = 0;
    ULONG Type = 0;

    TestSay(Text, "0x%08lx ", WdfRegistryAssignULong(Key, &NumberName, 42));
    TestSay(Text, "0x%08lx ", WdfRegistryQueryULong(Key, &NumberName, &Number));
    TestSay(Text, "%lu ", Number);
    TestSay(Text, "0x%08lx ", WdfRegistryQueryULong(Key, &MissingName, &Number));
    TestSay(Text, "0x%08lx ", WdfRegistryAssignMultiString(Key, &ListName, Strings));
    TestSay(Text, "0x%08lx ", WdfRegistryQueryULong(Key, &ListName, &Number));
    if (NT_SUCCESS(WdfRegistryQueryMemory(Key, &ListName, NonPagedPoolNx, NULL, &Memory, &Type))) {
        PWCHAR Value = WdfMemoryGetBuffer(Memory, &Size);
        TestSay(Text, "%lu %Iu %ls %ls ", Type, Size, Value, Value + wcslen(Value) + 1);
        WdfObjectDelete(Memory);
    }
    TestSay(Text, "0x%08lx ", WdfRegistryRemoveValue(Key, &NumberName));
    TestSay(Text, "0x%08lx ", WdfRegistryRemoveValue(Key, &ListName));
}

VOID TestRegistry(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFCOLLECTION Strings;
    WDFKEY Key;

    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device->Device;
    if (!NT_SUCCESS(WdfCollectionCreate(&Attributes, &Strings)) ||
        !NT_SUCCESS(AddString(Strings, L"one")) || !NT_SUCCESS(AddString(Strings, L"two")) ||
        !NT_SUCCESS(
            WdfDriverOpenParametersRegistryKey(WdfGetDriver(), KEY_ALL_ACCESS, NULL, &Key))) {
        TestSay(Text, "no key");
        return;
    }
    SayValues(Key, Strings, Text);
    WdfObjectDelete(Strings);
    TestSay(Text, "0x%08lx", WdfRegistryRemoveKey(Key));
}

/* ---- queue states ---- */

VOID TestQueueStates(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    WDFREQUEST Request;

    TestSay(Text, "%02x ", WdfIoQueueGetState(Device->Manual, NULL, NULL));
    WdfIoQueueStopSynchronously(Device->Manual);
    TestSay(Text, "%02x 0x%08lx ", WdfIoQueueGetState(Device->Manual, NULL, NULL),
            WdfIoQueueRetrieveNextRequest(Device->Manual, &Request));
    WdfIoQueueStart(Device->Manual);
    TestSay(Text, "%02x 0x%08lx ", WdfIoQueueGetState(Device->Manual, NULL, NULL),
            WdfIoQueueRetrieveNextRequest(Device->Manual, &Request));
    WdfIoQueuePurgeSynchronously(Device->Manual);
    TestSay(Text, "%02x ", WdfIoQueueGetState(Device->Manual, NULL, NULL));
    WdfIoQueueStart(Device->Manual);
    WdfIoQueueDrainSynchronously(Device->Manual);
    TestSay(Text, "%02x ", WdfIoQueueGetState(Device->Manual, NULL, NULL));
    WdfIoQueueStart(Device->Manual);
}

/* ---- timers and work items ---- */

static volatile LONG TimerCalls;
static volatile LONG WorkCalls;

static VOID EvtTimer(WDFTIMER Timer)
{
    (void)Timer;
    InterlockedIncrement(&TimerCalls);
}

static VOID EvtWork(WDFWORKITEM Work)
{
    (void)Work;
    InterlockedIncrement(&WorkCalls);
}

VOID TestTimer(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    LARGE_INTEGER Wait = {.QuadPart = WDF_REL_TIMEOUT_IN_MS(200)};
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_WORKITEM_CONFIG WorkConfig;
    WDF_TIMER_CONFIG TimerConfig;
    WDFWORKITEM Work;
    WDFTIMER Timer;

    TimerCalls = 0;
    WorkCalls = 0;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device->Device;
    WDF_TIMER_CONFIG_INIT(&TimerConfig, EvtTimer);
    WDF_WORKITEM_CONFIG_INIT(&WorkConfig, EvtWork);
    if (!NT_SUCCESS(WdfTimerCreate(&TimerConfig, &Attributes, &Timer)) ||
        !NT_SUCCESS(WdfWorkItemCreate(&WorkConfig, &Attributes, &Work))) {
        TestSay(Text, "not created");
        return;
    }
    TestSay(Text, "%d ", WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_SEC(100)));
    TestSay(Text, "%d ", WdfTimerStart(Timer, WDF_REL_TIMEOUT_IN_MS(10)));
    KeDelayExecutionThread(KernelMode, FALSE, &Wait);
    TestSay(Text, "%ld %d ", TimerCalls, WdfTimerStop(Timer, TRUE));
    WdfWorkItemEnqueue(Work);
    WdfWorkItemFlush(Work);
    TestSay(Text, "%ld", WorkCalls);
    WdfObjectDelete(Timer);
    WdfObjectDelete(Work);
}

/* ---- security descriptors ---- */

VOID TestSddl(TEST_TEXT *Text)
{
    static const PCWSTR Strings[] = {
        L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GX;;;WD)",
        L"D:P(A;;0x1f01ff;;;S-1-5-18)",
        L"O:SYG:SYD:(D;CIIO;CCDC;;;BG)",
        L"",
        L"D:P(A;;GA;;;SY",
        L"D:P(A;;GA;;SY)",
        L"D:P(B;;GA;;;SY)",
        L"D:P(A;;GA;;;QQ)",
        L"everyone",
    };
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Strings); i++) {
        UNICODE_STRING Sddl;
        PWDFDEVICE_INIT Init;
        RtlInitUnicodeString(&Sddl, Strings[i]);
        Init = WdfControlDeviceInitAllocate(WdfGetDriver(), &Sddl);
        TestSay(Text, "%d", Init != NULL);
        if (Init != NULL) {
            WdfDeviceInitFree(Init);
        }
    }
}
