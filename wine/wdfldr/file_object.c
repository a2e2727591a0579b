/*
 * WDFFILEOBJECT: one per open handle, for devices that asked for them. Wine sends no
 * IRP_MJ_CLEANUP: what belongs to it happens at the start of IRP_MJ_CLOSE. It also removes devices
 * with handles open, and then sends nothing more for them: removal closes those.
 */
#include "fx.h"

NTSTATUS FxFileCreate(FX_DEVICE *Device, FILE_OBJECT *Wdm, FX_FILE **Result)
{
    FX_FILE *File;
    NTSTATUS Status = FxObjectCreate(Device->Object.Driver, FxTypeFileObject, sizeof(*File),
                                     &Device->Settings.FileAttributes, &Device->Object, &File);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    File->Object.DriverMayDelete = FALSE;
    File->Device = Device;
    File->Wdm = Wdm;
    FxLockAcquire(&Device->ListLock);
    InsertTailList(&Device->Files, &File->Link);
    FxLockRelease(&Device->ListLock);
    *Result = File;
    return STATUS_SUCCESS;
}

FX_FILE *FxFileFind(FX_DEVICE *Device, FILE_OBJECT *Wdm)
{
    FX_FILE *Found = NULL;
    LIST_ENTRY *Entry;

    FxLockAcquire(&Device->ListLock);
    for (Entry = Device->Files.Flink; Entry != &Device->Files; Entry = Entry->Flink) {
        FX_FILE *File = CONTAINING_RECORD(Entry, FX_FILE, Link);
        if (File->Wdm == Wdm) {
            Found = File;
            break;
        }
    }
    FxLockRelease(&Device->ListLock);
    return Found;
}

VOID FxFileCleanup(FX_FILE *File)
{
    FX_DEVICE *Device = File->Device;

    if (File->CleanedUp) {
        return;
    }
    File->CleanedUp = TRUE;
    if (Device->Settings.File.EvtFileCleanup != NULL) {
        FX_CALLBACK(Device->Object.Driver, "EvtFileCleanup",
                    Device->Settings.File.EvtFileCleanup(FxHandle(File)));
    }
}

VOID FxFileClose(FX_FILE *File)
{
    FX_DEVICE *Device = File->Device;

    FxLockAcquire(&Device->ListLock);
    RemoveEntryList(&File->Link);
    FxLockRelease(&Device->ListLock);
    if (Device->Settings.File.EvtFileClose != NULL) {
        FX_CALLBACK(Device->Object.Driver, "EvtFileClose",
                    Device->Settings.File.EvtFileClose(FxHandle(File)));
    }
    FxObjectDelete(File);
}

VOID FxFileAbandon(FX_FILE *File)
{
    FX_DEVICE *Device = File->Device;

    FxLockAcquire(&Device->ListLock);
    RemoveEntryList(&File->Link);
    FxLockRelease(&Device->ListLock);
    FxObjectDelete(File);
}

VOID FxFileCloseAll(FX_DEVICE *Device)
{
    while (!IsListEmpty(&Device->Files)) {
        FX_FILE *File = CONTAINING_RECORD(Device->Files.Flink, FX_FILE, Link);
        FxFileCleanup(File);
        FxFileClose(File);
    }
}

static PUNICODE_STRING NTAPI FileObjectGetFileName(PWDF_DRIVER_GLOBALS Globals,
                                                   WDFFILEOBJECT Handle)
{
    FX_FILE *File = FX_FILE_OF(Handle);

    return &File->Wdm->FileName;
}

static ULONG NTAPI FileObjectGetFlags(PWDF_DRIVER_GLOBALS Globals, WDFFILEOBJECT Handle)
{
    FX_FILE *File = FX_FILE_OF(Handle);

    return File->Wdm->Flags;
}

static WDFDEVICE NTAPI FileObjectGetDevice(PWDF_DRIVER_GLOBALS Globals, WDFFILEOBJECT Handle)
{
    FX_FILE *File = FX_FILE_OF(Handle);

    return FxHandle(File->Device);
}

static PFILE_OBJECT NTAPI FileObjectWdmGetFileObject(PWDF_DRIVER_GLOBALS Globals,
                                                     WDFFILEOBJECT Handle)
{
    FX_FILE *File = FX_FILE_OF(Handle);

    return File->Wdm;
}

const FX_ENTRY FxFileObjectEntries[] = {
    FX_ENTRY_OF(WdfFileObjectGetFileName, FileObjectGetFileName),
    FX_ENTRY_OF(WdfFileObjectGetFlags, FileObjectGetFlags),
    FX_ENTRY_OF(WdfFileObjectGetDevice, FileObjectGetDevice),
    FX_ENTRY_OF(WdfFileObjectWdmGetFileObject, FileObjectWdmGetFileObject),
    FX_ENTRIES_END,
};
