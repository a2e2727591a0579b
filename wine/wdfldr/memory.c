/* WDFMEMORY. */
#include "fx.h"

NTSTATUS FxMemoryCreate(FX_DRIVER *Driver, const WDF_OBJECT_ATTRIBUTES *Attributes,
                        FX_OBJECT *DefaultParent, PVOID Buffer, SIZE_T Size, FX_MEMORY **Result)
{
    FX_MEMORY *Memory;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);
    PVOID Owned = NULL;

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Buffer == NULL) {
        Owned = FxAllocate(Size);
        if (Owned == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    Status =
        FxObjectCreate(Driver, FxTypeMemory, sizeof(*Memory), Attributes, DefaultParent, &Memory);
    if (!NT_SUCCESS(Status)) {
        FxFree(Owned);
        return Status;
    }
    Memory->Buffer = Buffer == NULL ? Owned : Buffer;
    Memory->Size = Size;
    Memory->OwnsBuffer = Buffer == NULL;
    *Result = Memory;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI MemoryCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                   POOL_TYPE PoolType, ULONG PoolTag, size_t BufferSize,
                                   WDFMEMORY *Handle, PVOID *Buffer)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_MEMORY *Memory;
    NTSTATUS Status;

    (void)PoolType;
    (void)PoolTag;
    *Handle = NULL;
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = FxMemoryCreate(Driver, Attributes, &Driver->Object->Object, NULL, BufferSize, &Memory);
    if (NT_SUCCESS(Status)) {
        /* Fresh pool is not zero on Windows: whoever relies on it shall notice here. */
        RtlFillMemory(Memory->Buffer, BufferSize, 0xA5);
        *Handle = FxHandle(Memory);
        if (Buffer != NULL) {
            *Buffer = Memory->Buffer;
        }
    }
    return Status;
}

static NTSTATUS NTAPI MemoryCreatePreallocated(PWDF_DRIVER_GLOBALS Globals,
                                               PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                               size_t BufferSize, WDFMEMORY *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_MEMORY *Memory;
    NTSTATUS Status;

    *Handle = NULL;
    if (Buffer == NULL || BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status =
        FxMemoryCreate(Driver, Attributes, &Driver->Object->Object, Buffer, BufferSize, &Memory);
    if (NT_SUCCESS(Status)) {
        Memory->Assignable = TRUE;
        *Handle = FxHandle(Memory);
    }
    return Status;
}

static PVOID NTAPI MemoryGetBuffer(PWDF_DRIVER_GLOBALS Globals, WDFMEMORY Handle,
                                   size_t *BufferSize)
{
    FX_MEMORY *Memory = FX_MEMORY_OF(Handle);

    if (BufferSize != NULL) {
        *BufferSize = Memory->Size;
    }
    return Memory->Buffer;
}

static NTSTATUS NTAPI MemoryAssignBuffer(PWDF_DRIVER_GLOBALS Globals, WDFMEMORY Handle,
                                         PVOID Buffer, size_t BufferSize)
{
    FX_MEMORY *Memory = FX_MEMORY_OF(Handle);

    if (!Memory->Assignable || Buffer == NULL || BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Memory->Buffer = Buffer;
    Memory->Size = BufferSize;
    return STATUS_SUCCESS;
}

static BOOLEAN InRange(const FX_MEMORY *Memory, size_t Offset, size_t Count)
{
    return Offset <= Memory->Size && Count <= Memory->Size - Offset;
}

static NTSTATUS NTAPI MemoryCopyToBuffer(PWDF_DRIVER_GLOBALS Globals, WDFMEMORY Handle,
                                         size_t Offset, PVOID Buffer, size_t Count)
{
    FX_MEMORY *Memory = FX_MEMORY_OF(Handle);

    if (Buffer == NULL || Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!InRange(Memory, Offset, Count)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlMoveMemory(Buffer, (UCHAR *)Memory->Buffer + Offset, Count);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI MemoryCopyFromBuffer(PWDF_DRIVER_GLOBALS Globals, WDFMEMORY Handle,
                                           size_t Offset, PVOID Buffer, size_t Count)
{
    FX_MEMORY *Memory = FX_MEMORY_OF(Handle);

    if (Buffer == NULL || Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!InRange(Memory, Offset, Count)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlMoveMemory((UCHAR *)Memory->Buffer + Offset, Buffer, Count);
    return STATUS_SUCCESS;
}

const FX_ENTRY FxMemoryEntries[] = {
    FX_ENTRY_OF(WdfMemoryCreate, MemoryCreate),
    FX_ENTRY_OF(WdfMemoryCreatePreallocated, MemoryCreatePreallocated),
    FX_ENTRY_OF(WdfMemoryGetBuffer, MemoryGetBuffer),
    FX_ENTRY_OF(WdfMemoryAssignBuffer, MemoryAssignBuffer),
    FX_ENTRY_OF(WdfMemoryCopyToBuffer, MemoryCopyToBuffer),
    FX_ENTRY_OF(WdfMemoryCopyFromBuffer, MemoryCopyFromBuffer),
    FX_ENTRIES_END,
};
