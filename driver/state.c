#include "driver/state.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

static uint16_t UpcaseUnit(uint16_t Unit)
{
    return RtlUpcaseUnicodeChar(Unit);
}

/* A first sector that cannot be read is no reason not to start. */
static VOID RecognizeVolume(VD_DEVICE *Device, struct vdisk_error *Error)
{
    const uint32_t SectorBytes = Device->Disk->logical_sector_bytes;
    uint8_t *BootSector = vdisk_alloc(SectorBytes);
    const bool Readable = BootSector != NULL && vdisk_disk_read(Device->Disk, 0, BootSector,
                                                                SectorBytes, Error) == VDISK_OK;

    VdVolumeRecognize(&Device->Volume, Readable ? BootSector : NULL);
    vdisk_free(BootSector);
}

/* The device's characteristics say the same as IOCTL_DISK_IS_WRITABLE. */
static VOID ShowReadOnly(VD_DEVICE *Device)
{
    PDEVICE_OBJECT DeviceObject = WdfDeviceWdmGetDeviceObject(Device->Handle);

    if (Device->Volume.ReadOnly)
        DeviceObject->Characteristics |= FILE_READ_ONLY_DEVICE;
    else
        DeviceObject->Characteristics &= ~FILE_READ_ONLY_DEVICE;
}

VOID VdStateDescribe(VD_DEVICE *Device, struct vdisk_error *Error)
{
    const VD_PARAMETERS *Parameters = Device->Parameters;
    const struct vdisk_disk *Disk = Device->Disk;
    VD_VOLUME *Volume = &Device->Volume;

    PAGED_CODE();
    Volume->LogicalSectorBytes = Disk->logical_sector_bytes;
    Volume->PhysicalSectorBytes = Disk->physical_sector_bytes;
    Volume->DiscardBytes = Disk->discard_bytes;
    Volume->DiskNumber = Device->Medium->DiskNumber;
    Volume->Flags = Parameters->Flags;
    Volume->Optical = Disk->optical;
    Volume->Letter = Parameters->Letter;
    Volume->Path = Parameters->Path.Buffer;
    Volume->PathBytes = Parameters->Path.Length;
    Volume->OverlayPath = Parameters->Overlay.Buffer;
    Volume->OverlayBytes = Parameters->Overlay.Length;
    Volume->SizeBytes = Disk->size_bytes;
    Volume->DiskBytes = Device->Medium->Disk->size_bytes;
    Volume->ReadOnly = Disk->read_only || (Parameters->Flags & VIRTUALDISK_FLAG_READ_ONLY) != 0;
    RtlCopyMemory(Volume->Format, Device->Medium->Format, sizeof(Volume->Format));
    VdVolumeIdentify(Volume, UpcaseUnit);
    RecognizeVolume(Device, Error);
    ShowReadOnly(Device);
}

VOID VdStateDescribeAgain(VD_DEVICE *Device)
{
    const struct vdisk_disk *Disk = Device->Disk;
    KIRQL OldIrql;

    PAGED_CODE();
    KeAcquireSpinLock(&Device->VolumeLock, &OldIrql);
    Device->Volume.PhysicalSectorBytes = Disk->physical_sector_bytes;
    Device->Volume.DiscardBytes = Disk->discard_bytes;
    Device->Volume.ReadOnly = Device->Volume.ReadOnly || Disk->read_only;
    KeReleaseSpinLock(&Device->VolumeLock, OldIrql);
    ShowReadOnly(Device);
}

VOID VdStateSetSize(VD_DEVICE *Device, ULONGLONG DiskBytes)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Device->VolumeLock, &OldIrql);
    Device->Volume.SizeBytes = Device->Disk->size_bytes;
    Device->Volume.DiskBytes = DiskBytes;
    if (Device->Volume.Window.style != VIRTUALDISK_STYLE_NONE)
        Device->Volume.Window.size_bytes = Device->Disk->size_bytes;
    KeReleaseSpinLock(&Device->VolumeLock, OldIrql);
}

/* Writes that are under way end before; whoever asks afterwards gets the new answer. */
NTSTATUS VdStateSetReadOnly(VD_DEVICE *Device, BOOLEAN ReadOnly)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL OldIrql;

    PAGED_CODE();
    if (Device->Disk == NULL)
        Status = STATUS_DEVICE_NOT_CONNECTED;
    else if (!ReadOnly && Device->Disk->read_only)
        Status = STATUS_MEDIA_WRITE_PROTECTED;
    if (NT_SUCCESS(Status)) {
        KeAcquireSpinLock(&Device->VolumeLock, &OldIrql);
        Device->Volume.ReadOnly = ReadOnly;
        KeReleaseSpinLock(&Device->VolumeLock, OldIrql);
        ShowReadOnly(Device);
    }
    return Status;
}
