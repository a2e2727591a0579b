#include "host/ntkernel/flush_ntkernel.h"

typedef NTSTATUS(NTAPI *flush_buffers_file)(HANDLE file, PIO_STATUS_BLOCK result);

/* Exported from Windows 7 on. */
static flush_buffers_file zw_flush_buffers_file;

void vdisk_flush_ntkernel_init(void)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, L"ZwFlushBuffersFile");
    zw_flush_buffers_file = (flush_buffers_file)MmGetSystemRoutineAddress(&name);
}

NTSTATUS vdisk_flush_ntkernel_device(PDEVICE_OBJECT device, PFILE_OBJECT file)
{
    IO_STATUS_BLOCK result;
    KEVENT done;
    NTSTATUS status;
    PIRP packet;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    packet =
        IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, device, NULL, 0, NULL, &done, &result);
    if (packet == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoGetNextIrpStackLocation(packet)->FileObject = file;
    status = IoCallDriver(device, packet);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
        status = result.Status;
    }
    return status;
}

NTSTATUS vdisk_flush_ntkernel(HANDLE file)
{
    IO_STATUS_BLOCK result;
    PFILE_OBJECT object;
    NTSTATUS status;

    if (zw_flush_buffers_file != NULL)
        return zw_flush_buffers_file(file, &result);
    status = ObReferenceObjectByHandle(file, 0, NULL, KernelMode, (PVOID *)&object, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = vdisk_flush_ntkernel_device(IoGetRelatedDeviceObject(object), object);
    ObDereferenceObject(object);
    return status;
}
