/*
 * The function table that drivers are given: all 444 entries. An entry that the runtime does not
 * implement reports its name and fails.
 */
#include "fx.h"

static NTSTATUS NotImplemented(const char *Name)
{
    FxLog(NULL, "%s is not implemented", Name);
    return STATUS_NOT_IMPLEMENTED;
}

/* On x64 the caller cleans up: the parameters do not matter. */
#define MISSING_FUNCTION(name)                                                                     \
    static NTSTATUS NTAPI Missing##name(VOID)                                                      \
    {                                                                                              \
        return NotImplemented(#name);                                                              \
    }
#define MISSING_ENTRY(name) (WDFFUNC) Missing##name,

WDF_FUNCTION_LIST(MISSING_FUNCTION)

static WDFFUNC Table[WdfFunctionTableNumEntries] = {WDF_FUNCTION_LIST(MISSING_ENTRY)};

static const FX_ENTRY *const Families[] = {
    FxCollectionEntries, FxContextEntries,       FxDeviceEntries,        FxDeviceInitEntries,
    FxDispatchEntries,   FxDriverEntries,        FxFileObjectEntries,    FxInterfaceEntries,
    FxLockEntries,       FxMemoryEntries,        FxObjectEntries,        FxPropertyEntries,
    FxQueueEntries,      FxQueueStateEntries,    FxRegistryEntries,      FxRequestEntries,
    FxResourceEntries,   FxRequestBufferEntries, FxRequestCancelEntries, FxStringEntries,
    FxTimerEntries,      FxVerifierEntries,      FxWorkItemEntries,
};

const WDFFUNC *FxTable(VOID)
{
    const FX_ENTRY *Entry;
    SIZE_T i;

    for (i = 0; i < RTL_NUMBER_OF(Families); i++) {
        for (Entry = Families[i]; Entry->Function != NULL; Entry++) {
            Table[Entry->Index] = Entry->Function;
        }
    }
    return Table;
}
