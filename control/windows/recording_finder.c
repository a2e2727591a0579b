#include "recording_finder.h"

#include "device_path.h"
#include "wide_win32.h"
#include "virtualdisk/host.h"

static wchar_t *nt_path_of(const char *path)
{
    wchar_t *resolved = vdisk_device_path_resolve(path);
    wchar_t *nt_path = resolved == NULL ? NULL : vdisk_device_path_to_nt(resolved);
    vdisk_free(resolved);
    return nt_path;
}

static bool record(struct vdisk_recording_finder *recording, const char *name, const char *path)
{
    size_t count = recording->file_count;
    struct vdisk_found_file *grown = vdisk_alloc_array(count + 1, sizeof(*grown));
    if (grown == NULL)
        return false;
    if (count > 0)
        memcpy(grown, recording->files, count * sizeof(*grown));
    vdisk_free(recording->files);
    recording->files = grown;
    grown[count].name = vdisk_wide_from_utf8(name);
    grown[count].nt_path = nt_path_of(path);
    recording->file_count++;
    return grown[count].name != NULL && grown[count].nt_path != NULL;
}

static enum vdisk_status recording_open(struct vdisk_file_finder *finder,
                                        const struct vdisk_file_request *request,
                                        struct vdisk_file **file, struct vdisk_error *error)
{
    struct vdisk_recording_finder *recording = (struct vdisk_recording_finder *)finder;
    struct vdisk_file_finder *host =
        recording->beside ? vdisk_host_finder_beside() : vdisk_host_finder();
    enum vdisk_status status = host->open(host, request, file, error);
    if (status != VDISK_OK || record(recording, request->name, (*file)->name))
        return status;
    vdisk_file_close(*file);
    return vdisk_fail(error, VDISK_NO_MEMORY, request->name, NULL, VDISK_NO_OFFSET, NULL);
}

static bool recording_same(struct vdisk_file_finder *finder, struct vdisk_file *a,
                           struct vdisk_file *b)
{
    (void)finder;
    return vdisk_host_same(a, b);
}

void vdisk_recording_finder_init(struct vdisk_recording_finder *recording, bool beside)
{
    *recording = (struct vdisk_recording_finder){
        .finder = {.open = recording_open, .same = recording_same},
        .beside = beside,
    };
}

void vdisk_recording_finder_deinit(struct vdisk_recording_finder *recording)
{
    for (size_t i = 0; i < recording->file_count; i++) {
        vdisk_free(recording->files[i].name);
        vdisk_free(recording->files[i].nt_path);
    }
    vdisk_free(recording->files);
}
