#include "driver/finder.h"
#include "host/ntkernel/ntkernel.h"

/* Takes the next string off the list; empty at its end. */
static UNICODE_STRING TakeString(UNICODE_STRING *List)
{
    UNICODE_STRING String = {.Buffer = List->Buffer};
    USHORT Taken;

    while (String.Length < List->Length &&
           List->Buffer[String.Length / sizeof(WCHAR)] != UNICODE_NULL)
        String.Length += sizeof(WCHAR);
    String.MaximumLength = String.Length;
    Taken = String.Length < List->Length ? String.Length + sizeof(WCHAR) : String.Length;
    List->Buffer += Taken / sizeof(WCHAR);
    List->Length -= Taken;
    return String;
}

static enum vdisk_status IsNamed(const UNICODE_STRING *Listed, const char *Name, bool *Same,
                                 struct vdisk_error *Error)
{
    char *Text = vdisk_utf8_from_unicode(Listed);

    if (Text == NULL)
        return vdisk_fail(Error, VDISK_NO_MEMORY, Name, NULL, VDISK_NO_OFFSET, NULL);
    *Same = strcmp(Text, Name) == 0;
    vdisk_free(Text);
    return VDISK_OK;
}

static enum vdisk_status VdFinderOpen(struct vdisk_file_finder *Finder,
                                      const struct vdisk_file_request *Request,
                                      struct vdisk_file **File, struct vdisk_error *Error)
{
    UNICODE_STRING Rest = *((VD_FINDER *)Finder)->Files;

    while (Rest.Length != 0) {
        const UNICODE_STRING Name = TakeString(&Rest);
        const UNICODE_STRING Path = TakeString(&Rest);
        bool Same;
        enum vdisk_status Status;

        if (Name.Length == 0 || Path.Length == 0)
            break;
        Status = IsNamed(&Name, Request->name, &Same, Error);
        if (Status != VDISK_OK)
            return Status;
        if (Same)
            return vdisk_file_ntkernel_open(&Path, Request->read_only, File, Error);
    }
    return vdisk_fail(Error, VDISK_NOT_FOUND, Request->name, NULL, VDISK_NO_OFFSET,
                      "the driver was not given this file");
}

struct vdisk_file_finder *VdFinderInitialize(VD_FINDER *Self, const UNICODE_STRING *Files)
{
    RtlZeroMemory(Self, sizeof(*Self));
    Self->Finder.open = VdFinderOpen;
    Self->Files = Files;
    return &Self->Finder;
}
