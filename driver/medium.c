#include "driver/medium.h"
#include "driver/event.h"
#include "driver/state.h"
#include "engine/base/checked.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/layer.h"

static LIST_ENTRY Media = {&Media, &Media}; /* protected by MediaLock */
static struct vdisk_mutex MediaLock;

VOID VdMediaInitialize(VOID)
{
    vdisk_mutex_init(&MediaLock);
}

static BOOLEAN IsSameMedium(const VD_PARAMETERS *A, const VD_PARAMETERS *B)
{
    return RtlEqualUnicodeString(&A->Path, &B->Path, TRUE) &&
           RtlEqualUnicodeString(&A->Overlay, &B->Overlay, TRUE) &&
           ((A->Flags ^ B->Flags) & ~VIRTUALDISK_FLAGS_OWN) == 0 &&
           A->MemoryBytes == B->MemoryBytes && A->SectorBytes == B->SectorBytes &&
           strcmp(A->Format, B->Format) == 0;
}

static VD_MEDIUM *FindMedium(const VD_PARAMETERS *Parameters)
{
    for (LIST_ENTRY *Link = Media.Flink; Link != &Media; Link = Link->Flink) {
        VD_MEDIUM *Medium = CONTAINING_RECORD(Link, VD_MEDIUM, Link);

        if (IsSameMedium(Medium->Parameters, Parameters))
            return Medium;
    }
    return NULL;
}

/* A RAM disk without a format is an empty one; everything else without one is raw. */
static BOOLEAN HasImage(const VD_PARAMETERS *Parameters)
{
    return Parameters->Format[0] != '\0' || (Parameters->Flags & VIRTUALDISK_FLAG_RAM) == 0;
}

static VOID NameFormat(VD_MEDIUM *Medium)
{
    const VD_PARAMETERS *Parameters = Medium->Parameters;

    if (Parameters->Format[0] != '\0')
        RtlCopyMemory(Medium->Format, Parameters->Format, sizeof(Medium->Format));
    else
        RtlCopyMemory(Medium->Format, HasImage(Parameters) ? "raw" : "ram", sizeof("raw"));
}

/* The image, or the overlay that is opened in its place. */
static enum vdisk_status OpenImage(VD_MEDIUM *Medium, bool ReadOnly, struct vdisk_image **Image,
                                   struct vdisk_error *Error)
{
    const VD_PARAMETERS *Parameters = Medium->Parameters;
    const bool HasOverlay = Parameters->Overlay.Length != 0;
    const UNICODE_STRING *Path = HasOverlay ? &Parameters->Overlay : &Parameters->Path;
    const struct vdisk_open_options Options = {
        .format = HasOverlay ? Parameters->OverlayFormat : Medium->Format,
        .finder = &Medium->Finder.Finder,
        .read_only = ReadOnly,
        .guard_magic = (Parameters->Flags & VIRTUALDISK_FLAG_PROBED) != 0,
        .logical_sector_bytes = Parameters->SectorBytes,
        .detect_zeroes = (Parameters->Flags & VIRTUALDISK_FLAG_DETECT_ZEROES) != 0,
    };
    struct vdisk_file *File;
    enum vdisk_status Status = vdisk_file_ntkernel_open(Path, ReadOnly, &File, Error);

    return Status == VDISK_OK ? vdisk_image_open(File, &Options, Image, Error) : Status;
}

/* The whole disk into memory; the image is not needed any more. */
static enum vdisk_status LoadIntoMemory(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    struct vdisk_disk *Source = vdisk_image_disk(Medium->Image);
    const struct vdisk_memory_options Options = {
        .size_bytes = Source->size_bytes,
        .logical_sector_bytes = Source->logical_sector_bytes,
        .limit_bytes = UINT64_MAX,
    };
    enum vdisk_status Status = vdisk_memory_open(&Options, &Medium->Memory, Error);

    if (Status == VDISK_OK)
        Status = vdisk_memory_load(Medium->Memory, Source, Error);
    (VOID) vdisk_image_close(Medium->Image, NULL);
    Medium->Image = NULL;
    return Status;
}

static enum vdisk_status OpenMemory(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    const VD_PARAMETERS *Parameters = Medium->Parameters;
    const struct vdisk_memory_options Blank = {
        .size_bytes = Parameters->MemoryBytes,
        .logical_sector_bytes =
            Parameters->SectorBytes != 0 ? Parameters->SectorBytes : VDISK_SECTOR_BYTES,
        .limit_bytes = UINT64_MAX,
    };
    const struct vdisk_memory_options Overlay = {
        .next = Medium->Image == NULL ? NULL : vdisk_image_disk(Medium->Image),
        .limit_bytes = Parameters->MemoryBytes,
    };

    if ((Parameters->Flags & VIRTUALDISK_FLAG_RAM) == 0)
        return vdisk_memory_open(&Overlay, &Medium->Memory, Error);
    return Medium->Image != NULL ? LoadIntoMemory(Medium, Error)
                                 : vdisk_memory_open(&Blank, &Medium->Memory, Error);
}

static enum vdisk_status OpenDisk(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    const ULONG InMemory = VIRTUALDISK_FLAG_MEMORY | VIRTUALDISK_FLAG_RAM;
    const ULONG OnlyRead = VIRTUALDISK_FLAG_READ_ONLY | InMemory;
    enum vdisk_status Status = VDISK_OK;

    if (HasImage(Medium->Parameters))
        Status =
            OpenImage(Medium, (Medium->Parameters->Flags & OnlyRead) != 0, &Medium->Image, Error);
    if (Status != VDISK_OK)
        Medium->Image = NULL;
    else if ((Medium->Parameters->Flags & InMemory) != 0)
        Status = OpenMemory(Medium, Error);
    if (Status == VDISK_OK)
        Medium->Disk = Medium->Memory != NULL ? Medium->Memory : vdisk_image_disk(Medium->Image);
    return Status;
}

/* Also for what was opened in part. `Device` is the one that has to do with it. */
static VOID CloseDisk(VD_MEDIUM *Medium, VD_DEVICE *Device)
{
    struct vdisk_error Error;

    (VOID) vdisk_disk_close(Medium->Memory, NULL);
    if (vdisk_image_close(Medium->Image, &Error) != VDISK_OK)
        VdEventWrite(Device, VdEventCloseFailed, vdisk_error_to_ntstatus(&Error), &Error);
    Medium->Memory = NULL;
    Medium->Image = NULL;
    Medium->Disk = NULL;
}

static VOID FreeMedium(VD_MEDIUM *Medium, VD_DEVICE *Device)
{
    CloseDisk(Medium, Device);
    vdisk_free(Medium->Identity);
    RemoveEntryList(&Medium->Link);
    VdParametersRelease(Medium->Parameters);
    vdisk_free(Medium);
}

static enum vdisk_status MakeMedium(VD_DEVICE *Device, VD_MEDIUM **Made, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = vdisk_alloc(sizeof(*Medium));
    enum vdisk_status Status;

    if (Medium == NULL)
        return vdisk_fail(Error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    InsertTailList(&Media, &Medium->Link);
    InitializeListHead(&Medium->Devices);
    VdBarrierInitialize(&Medium->Barrier);
    VdParametersReference(Device->Parameters);
    Medium->Parameters = Device->Parameters;
    Medium->DiskNumber = Device->Number;
    NameFormat(Medium);
    VdFinderInitialize(&Medium->Finder, &Medium->Parameters->Files);
    Status = OpenDisk(Medium, Error);
    if (Status == VDISK_OK && Medium->Memory == NULL)
        Status = VdIdentityMake(Medium->Image, &Medium->Identity, Error);
    if (Status == VDISK_OK)
        *Made = Medium;
    else
        FreeMedium(Medium, Device);
    return Status;
}

static BOOLEAN IsWhole(const VD_PARAMETERS *Parameters)
{
    return Parameters->Window.style == VIRTUALDISK_STYLE_NONE;
}

/* Two file systems on the same sectors would destroy each other's work. */
static enum vdisk_status CheckOverlap(const VD_MEDIUM *Medium, const VD_PARAMETERS *Parameters,
                                      struct vdisk_error *Error)
{
    const struct virtualdisk_window *Window = &Parameters->Window;

    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices; Link = Link->Flink) {
        const VD_DEVICE *Other = CONTAINING_RECORD(Link, VD_DEVICE, MediumLink);
        const struct virtualdisk_window *Taken = &Other->Volume.Window;

        if (IsWhole(Parameters) || IsWhole(Other->Parameters) ||
            vdisk_ranges_overlap(Window->offset_bytes, Window->size_bytes, Taken->offset_bytes,
                                 Taken->size_bytes))
            return vdisk_fail_native(Error, VDISK_BUSY, (uint32_t)STATUS_SHARING_VIOLATION, NULL,
                                     VDISK_NO_OFFSET, "this part of the image is a volume already");
    }
    return VDISK_OK;
}

static enum vdisk_status OpenWindow(VD_DEVICE *Device, struct vdisk_error *Error)
{
    const struct virtualdisk_window *Window = &Device->Volume.Window;

    Device->Disk = Device->Medium->Disk;
    if (IsWhole(Device->Parameters))
        return VDISK_OK;
    return vdisk_window_open(Device->Medium->Disk, Window->offset_bytes, Window->size_bytes,
                             &Device->Disk, Error);
}

static VOID CloseWindow(VD_DEVICE *Device)
{
    struct vdisk_error Error;

    if (Device->Disk != Device->Medium->Disk && vdisk_disk_close(Device->Disk, &Error) != VDISK_OK)
        VdEventWrite(Device, VdEventCloseFailed, vdisk_error_to_ntstatus(&Error), &Error);
    Device->Disk = NULL;
}

static enum vdisk_status Join(VD_DEVICE *Device, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = FindMedium(Device->Parameters);
    enum vdisk_status Status = VDISK_OK;

    if (Medium == NULL)
        Status = MakeMedium(Device, &Medium, Error);
    if (Status == VDISK_OK && Medium->Disk == NULL)
        Status = vdisk_fail(Error, VDISK_GONE, NULL, NULL, VDISK_NO_OFFSET,
                            "the image had vanished, and its volumes wait for it");
    if (Status == VDISK_OK)
        Status = CheckOverlap(Medium, Device->Parameters, Error);
    if (Status != VDISK_OK)
        return Status;
    Device->Medium = Medium;
    Status = OpenWindow(Device, Error);
    if (Status == VDISK_OK) {
        InsertTailList(&Medium->Devices, &Device->MediumLink);
        return VDISK_OK;
    }
    Device->Medium = NULL;
    Device->Disk = NULL;
    if (IsListEmpty(&Medium->Devices))
        FreeMedium(Medium, Device);
    return Status;
}

NTSTATUS VdMediumAttach(VD_DEVICE *Device, struct vdisk_error *Error)
{
    enum vdisk_status Status;

    PAGED_CODE();
    Device->Volume.Window = Device->Parameters->Window;
    vdisk_mutex_lock(&MediaLock);
    Status = Join(Device, Error);
    if (Status == VDISK_OK)
        VdStateDescribe(Device, Error); /* before another volume can exchange the disk */
    vdisk_mutex_unlock(&MediaLock);
    return Status == VDISK_OK ? STATUS_SUCCESS : vdisk_error_to_ntstatus(Error);
}

VOID VdMediumDetach(VD_DEVICE *Device)
{
    VD_MEDIUM *Medium = Device->Medium;

    PAGED_CODE();
    if (Medium == NULL)
        return;
    vdisk_mutex_lock(&MediaLock);
    CloseWindow(Device);
    RemoveEntryList(&Device->MediumLink);
    Device->Medium = NULL;
    if (IsListEmpty(&Medium->Devices))
        FreeMedium(Medium, Device);
    vdisk_mutex_unlock(&MediaLock);
}

VOID VdMediumEnterAlone(VD_MEDIUM *Medium)
{
    vdisk_mutex_lock(&MediaLock);
    VdBarrierClose(&Medium->Barrier);
}

VOID VdMediumLeaveAlone(VD_MEDIUM *Medium)
{
    VdBarrierOpen(&Medium->Barrier);
    vdisk_mutex_unlock(&MediaLock);
}

static VOID CloseWindows(VD_MEDIUM *Medium)
{
    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices; Link = Link->Flink)
        CloseWindow(CONTAINING_RECORD(Link, VD_DEVICE, MediumLink));
    Medium->Disk = NULL;
}

static enum vdisk_status OpenWindows(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    enum vdisk_status Status = VDISK_OK;

    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices && Status == VDISK_OK;
         Link = Link->Flink)
        Status = OpenWindow(CONTAINING_RECORD(Link, VD_DEVICE, MediumLink), Error);
    return Status;
}

/* What the file systems above remember of the image must be true of this one. */
static enum vdisk_status Recognize(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    VD_IDENTITY *Found;
    enum vdisk_status Status = VdIdentityMake(Medium->Image, &Found, Error);

    if (Status == VDISK_OK)
        Status = VdIdentityCheck(Medium->Identity, Found, Error);
    if (Status != VDISK_OK) {
        vdisk_free(Found);
        return Status;
    }
    vdisk_free(Medium->Identity);
    Medium->Identity = Found;
    return VDISK_OK;
}

static VOID DescribeAgain(VD_MEDIUM *Medium)
{
    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices; Link = Link->Flink)
        VdStateDescribeAgain(CONTAINING_RECORD(Link, VD_DEVICE, MediumLink));
}

/* It is the same image when all has worked; until then it is known by what it was before. */
static enum vdisk_status OpenAll(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    enum vdisk_status Status = OpenDisk(Medium, Error);

    if (Status == VDISK_OK)
        Status = Recognize(Medium, Error);
    if (Status == VDISK_OK)
        Status = OpenWindows(Medium, Error);
    if (Status == VDISK_OK)
        DescribeAgain(Medium);
    return Status;
}

/*
 * The old image is closed first: it may still hold the file. What it could not write is lost, as
 * the failures of its requests have told.
 */
NTSTATUS VdMediumReconnect(VD_DEVICE *Device, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;

    PAGED_CODE();
    if (Medium->Memory != NULL)
        return STATUS_NOT_SUPPORTED;
    if (Medium->Image != NULL)
        VdIdentityKeep(Medium->Identity, Medium->Image);
    CloseWindows(Medium);
    CloseDisk(Medium, Device);
    if (OpenAll(Medium, Error) == VDISK_OK)
        return STATUS_SUCCESS;
    CloseWindows(Medium);
    CloseDisk(Medium, Device);
    return vdisk_error_to_ntstatus(Error);
}

/* The image under an overlay in memory, opened once more; NULL when that fails. */
static enum vdisk_status ReopenBelow(VD_MEDIUM *Medium, bool ReadOnly, struct vdisk_error *Error)
{
    enum vdisk_status Status;

    (VOID) vdisk_image_close(Medium->Image, NULL);
    Medium->Image = NULL;
    Status = OpenImage(Medium, ReadOnly, &Medium->Image, Error);
    if (Status != VDISK_OK)
        Medium->Image = NULL;
    else
        vdisk_memory_set_next(Medium->Memory, vdisk_image_disk(Medium->Image));
    return Status;
}

/* After an earlier commit had failed for good. */
static enum vdisk_status ComeBack(VD_MEDIUM *Medium, struct vdisk_error *Error)
{
    enum vdisk_status Status;

    if (Medium->Disk != NULL)
        return VDISK_OK;
    Medium->Disk = Medium->Memory;
    Status = OpenWindows(Medium, Error);
    if (Status != VDISK_OK)
        CloseWindows(Medium);
    return Status;
}

/*
 * While it is written, nobody else may read the image: it is opened for reading only before and
 * after. Should it be gone afterwards, the volumes fail until it can be committed to; what they had
 * is still in memory.
 */
static enum vdisk_status Commit(VD_DEVICE *Device, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;
    enum vdisk_status Status = ReopenBelow(Medium, false, Error);

    if (Status == VDISK_OK)
        Status = vdisk_memory_commit(Medium->Memory, vdisk_image_disk(Medium->Image), Error);
    struct vdisk_error *Later = Status == VDISK_OK ? Error : NULL; /* the first failure is told */
    if (ReopenBelow(Medium, true, Later) == VDISK_OK) {
        const enum vdisk_status Back = ComeBack(Medium, Later);

        return Status == VDISK_OK ? Back : Status;
    }
    CloseWindows(Medium);
    return Status == VDISK_OK ? VDISK_GONE : Status;
}

NTSTATUS VdMediumCommit(VD_DEVICE *Device, struct vdisk_error *Error)
{
    const ULONG InMemory = VIRTUALDISK_FLAG_MEMORY | VIRTUALDISK_FLAG_RAM;
    const VD_MEDIUM *Medium = Device->Medium;
    enum vdisk_status Status;

    PAGED_CODE();
    if ((Medium->Parameters->Flags & InMemory) != VIRTUALDISK_FLAG_MEMORY)
        Status = vdisk_fail(Error, VDISK_UNSUPPORTED, NULL, NULL, VDISK_NO_OFFSET,
                            "there is no overlay in memory");
    else
        Status = Commit(Device, Error);
    return Status == VDISK_OK ? STATUS_SUCCESS : vdisk_error_to_ntstatus(Error);
}
