/* The buffers of a request, by its kind and the device's I/O type. */
#include "fx.h"

typedef struct _BUFFER {
    PVOID Data;
    SIZE_T Length;
    MDL *Mdl; /* NULL: none */
} BUFFER;

/*
 * The pages of an MDL are there, as they are in Windows. Wine has just reserved them for a
 * request's output, and its file reads would touch each of them twice, to read and then to write:
 * two page faults, where this takes one. Nothing changes in them.
 */
static VOID MakePagesPresent(const BUFFER *Buffer)
{
    volatile LONG *Data = Buffer->Data; /* page-aligned, or of a small buffer that is there */

    for (SIZE_T At = 0; At + sizeof(*Data) <= Buffer->Length; At += PAGE_SIZE) {
        InterlockedCompareExchange(&Data[At / sizeof(*Data)], 0, 0); /* no compiler drops that */
    }
}

static NTSTATUS FromMdl(FX_REQUEST *Request, SIZE_T Length, BUFFER *Buffer)
{
    MDL *Mdl = Request->Irp->MdlAddress;

    if (Mdl == NULL) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    Buffer->Data = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    Buffer->Length = Length;
    Buffer->Mdl = Mdl;
    if (Buffer->Data == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Request->Stack.MajorFunction == IRP_MJ_READ) {
        MakePagesPresent(Buffer);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FromSystemBuffer(FX_REQUEST *Request, SIZE_T Length, BUFFER *Buffer)
{
    Buffer->Data = Request->Irp->AssociatedIrp.SystemBuffer;
    Buffer->Length = Length;
    Buffer->Mdl = NULL;
    return STATUS_SUCCESS;
}

static NTSTATUS TransferBuffer(FX_REQUEST *Request, SIZE_T Length, BUFFER *Buffer)
{
    ULONG Flags = Request->Device->Wdm->Flags;

    if ((Flags & DO_BUFFERED_IO) != 0) {
        return FromSystemBuffer(Request, Length, Buffer);
    }
    if ((Flags & DO_DIRECT_IO) != 0) {
        return FromMdl(Request, Length, Buffer);
    }
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS ControlBuffer(FX_REQUEST *Request, BOOLEAN Output, BUFFER *Buffer)
{
    const IO_STACK_LOCATION *Stack = &Request->Stack;
    ULONG Method = Stack->Parameters.DeviceIoControl.IoControlCode & 3;
    SIZE_T Length = Output ? Stack->Parameters.DeviceIoControl.OutputBufferLength
                           : Stack->Parameters.DeviceIoControl.InputBufferLength;

    if (Method == METHOD_NEITHER) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Length == 0) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Output && Method != METHOD_BUFFERED) {
        return FromMdl(Request, Length, Buffer);
    }
    return FromSystemBuffer(Request, Length, Buffer);
}

static NTSTATUS FindBuffer(FX_REQUEST *Request, BOOLEAN Output, const char *Function,
                           BUFFER *Buffer)
{
    const IO_STACK_LOCATION *Stack = &Request->Stack;

    FxRequestRequireOwned(Request, Function);
    switch (Stack->MajorFunction) {
    case IRP_MJ_READ:
        return Output ? TransferBuffer(Request, Stack->Parameters.Read.Length, Buffer)
                      : STATUS_INVALID_DEVICE_REQUEST;
    case IRP_MJ_WRITE:
        return Output ? STATUS_INVALID_DEVICE_REQUEST
                      : TransferBuffer(Request, Stack->Parameters.Write.Length, Buffer);
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return ControlBuffer(Request, Output, Buffer);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static NTSTATUS RetrieveBuffer(FX_REQUEST *Request, BOOLEAN Output, SIZE_T Minimum, PVOID *Data,
                               size_t *Length, const char *Function)
{
    BUFFER Buffer = {0};
    NTSTATUS Status = FindBuffer(Request, Output, Function, &Buffer);

    *Data = NULL;
    if (Length != NULL) {
        *Length = 0;
    }
    if (NT_SUCCESS(Status) && (Buffer.Length == 0 || Buffer.Length < Minimum)) {
        Status = STATUS_BUFFER_TOO_SMALL;
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Data = Buffer.Data;
    if (Length != NULL) {
        *Length = Buffer.Length;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RequestRetrieveInputBuffer(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                 size_t Minimum, PVOID *Data, size_t *Length)
{
    return RetrieveBuffer(FX_REQUEST_OF(Handle), FALSE, Minimum, Data, Length, __func__);
}

static NTSTATUS NTAPI RequestRetrieveOutputBuffer(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                  size_t Minimum, PVOID *Data, size_t *Length)
{
    return RetrieveBuffer(FX_REQUEST_OF(Handle), TRUE, Minimum, Data, Length, __func__);
}

/* ---- as memory objects ---- */

static NTSTATUS RetrieveMemory(FX_REQUEST *Request, BOOLEAN Output, WDFMEMORY *Handle,
                               const char *Function)
{
    FX_MEMORY **Memory = Output ? &Request->OutputMemory : &Request->InputMemory;
    NTSTATUS Status = STATUS_SUCCESS;

    *Handle = NULL;
    if (*Memory == NULL) {
        size_t Length;
        PVOID Data;
        Status = RetrieveBuffer(Request, Output, 0, &Data, &Length, Function);
        if (NT_SUCCESS(Status)) {
            Status = FxMemoryCreate(Request->Object.Driver, NULL, &Request->Object, Data, Length,
                                    Memory);
        }
        if (NT_SUCCESS(Status)) {
            (*Memory)->Object.DriverMayDelete = FALSE;
        }
    }
    if (NT_SUCCESS(Status)) {
        *Handle = FxHandle(*Memory);
    }
    return Status;
}

static NTSTATUS NTAPI RequestRetrieveInputMemory(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                 WDFMEMORY *Memory)
{
    return RetrieveMemory(FX_REQUEST_OF(Handle), FALSE, Memory, __func__);
}

static NTSTATUS NTAPI RequestRetrieveOutputMemory(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                  WDFMEMORY *Memory)
{
    return RetrieveMemory(FX_REQUEST_OF(Handle), TRUE, Memory, __func__);
}

/* ---- as MDLs ---- */

static NTSTATUS RetrieveMdl(FX_REQUEST *Request, BOOLEAN Output, PMDL *Mdl, const char *Function)
{
    BUFFER Buffer = {0};
    NTSTATUS Status = FindBuffer(Request, Output, Function, &Buffer);

    *Mdl = NULL;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Buffer.Length == 0) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Buffer.Mdl == NULL) {
        /* The framework builds one over the system buffer; Wine frees it with the packet. */
        Buffer.Mdl = IoAllocateMdl(Buffer.Data, (ULONG)Buffer.Length, FALSE, FALSE, Request->Irp);
        if (Buffer.Mdl == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        MmBuildMdlForNonPagedPool(Buffer.Mdl);
        /* MmBuildMdlForNonPagedPool is a stub in Wine. */
        Buffer.Mdl->MappedSystemVa = Buffer.Data;
        Buffer.Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL;
    }
    *Mdl = Buffer.Mdl;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RequestRetrieveInputWdmMdl(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                 PMDL *Mdl)
{
    return RetrieveMdl(FX_REQUEST_OF(Handle), FALSE, Mdl, __func__);
}

static NTSTATUS NTAPI RequestRetrieveOutputWdmMdl(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                  PMDL *Mdl)
{
    return RetrieveMdl(FX_REQUEST_OF(Handle), TRUE, Mdl, __func__);
}

const FX_ENTRY FxRequestBufferEntries[] = {
    FX_ENTRY_OF(WdfRequestRetrieveInputBuffer, RequestRetrieveInputBuffer),
    FX_ENTRY_OF(WdfRequestRetrieveOutputBuffer, RequestRetrieveOutputBuffer),
    FX_ENTRY_OF(WdfRequestRetrieveInputMemory, RequestRetrieveInputMemory),
    FX_ENTRY_OF(WdfRequestRetrieveOutputMemory, RequestRetrieveOutputMemory),
    FX_ENTRY_OF(WdfRequestRetrieveInputWdmMdl, RequestRetrieveInputWdmMdl),
    FX_ENTRY_OF(WdfRequestRetrieveOutputWdmMdl, RequestRetrieveOutputWdmMdl),
    FX_ENTRIES_END,
};
