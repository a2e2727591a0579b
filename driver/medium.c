#include "driver/medium.h"
#include "driver/finder.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/driver_abi.h"

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

static VOID DescribeVolume(VD_DEVICE *Device)
{
    VD_VOLUME *Volume = &Device->Volume;

    Volume->SizeBytes = Device->Disk->size_bytes;
    Volume->LogicalSectorBytes = Device->Disk->logical_sector_bytes;
    Volume->PhysicalSectorBytes = Device->Disk->physical_sector_bytes;
    Volume->ReadOnly = Device->Disk->read_only;
    Volume->Path = Device->Parameters.Path.Buffer;
    Volume->PathBytes = Device->Parameters.Path.Length;
    RtlCopyMemory(Volume->Format, Device->Parameters.Format, sizeof(Volume->Format));
    VdVolumeIdentify(Volume, UpcaseUnit);
}

NTSTATUS VdMediumOpen(VD_DEVICE *Device, struct vdisk_error *Error)
{
    const VD_PARAMETERS *Parameters = &Device->Parameters;
    const bool ReadOnly = (Parameters->Flags & VIRTUALDISK_FLAG_READ_ONLY) != 0;
    const struct vdisk_open_options Options = {
        .format = Parameters->Format,
        .finder = VdFinderInitialize(&Device->Finder, &Parameters->Files),
        .read_only = ReadOnly,
        .guard_magic = (Parameters->Flags & VIRTUALDISK_FLAG_PROBED) != 0,
    };
    struct vdisk_file *File;
    enum vdisk_status Status;

    Status = vdisk_file_ntkernel_open(&Parameters->Path, ReadOnly, &File, Error);
    if (Status == VDISK_OK)
        Status = vdisk_image_open(File, &Options, &Device->Image, Error);
    if (Status != VDISK_OK) {
        Device->Image = NULL;
        return vdisk_error_to_ntstatus(Error);
    }
    Device->Disk = vdisk_image_disk(Device->Image);
    DescribeVolume(Device);
    RecognizeVolume(Device, Error);
    return STATUS_SUCCESS;
}

VOID VdMediumClose(VD_DEVICE *Device)
{
    struct vdisk_error Error;

    if (Device->Image == NULL)
        return;
    if (vdisk_image_close(Device->Image, &Error) != VDISK_OK)
        DbgPrint("VirtualDisk: closing %s failed: %08lx\n", Error.file,
                 vdisk_error_to_ntstatus(&Error));
    Device->Image = NULL;
    Device->Disk = NULL;
}
