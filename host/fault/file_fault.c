#include "host/fault/file_fault.h"
#include "engine/base/checked.h"

struct file_fault {
    struct vdisk_file file; /* first */
    struct vdisk_file *below;
    struct vdisk_fault_plan *plan;
};

static struct file_fault *fault_of(struct vdisk_file *file)
{
    return (struct file_fault *)file;
}

static bool must_fail(struct vdisk_file *file, enum vdisk_fault_call call)
{
    struct vdisk_fault_plan *plan = fault_of(file)->plan;
    uint32_t number;

    if ((plan->calls & (uint32_t)call) == 0)
        return false;
    number = atomic_fetch_add(&plan->counted, 1) + 1;
    if (plan->fail_from == 0 || number < plan->fail_from || number > plan->fail_to)
        return false;
    atomic_fetch_or(&plan->failed, (uint32_t)call);
    return true;
}

static enum vdisk_status fail(struct vdisk_file *file, uint64_t offset_bytes,
                              struct vdisk_error *error)
{
    return vdisk_fail(error, fault_of(file)->plan->status, file->name, NULL, offset_bytes,
                      "injected failure");
}

static enum vdisk_status file_fault_read(struct vdisk_file *file, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error)
{
    if (must_fail(file, VDISK_FAULT_READ))
        return fail(file, offset_bytes, error);
    return vdisk_file_read(fault_of(file)->below, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status file_fault_write(struct vdisk_file *file, uint64_t offset_bytes,
                                          const void *buffer, size_t length_bytes,
                                          struct vdisk_error *error)
{
    struct file_fault *fault = fault_of(file);

    if (must_fail(file, VDISK_FAULT_WRITE)) {
        const size_t piece = vdisk_min_size(fault->plan->short_bytes, length_bytes);

        vdisk_file_write(fault->below, offset_bytes, buffer, piece, NULL);
        return fail(file, offset_bytes, error);
    }
    return vdisk_file_write(fault->below, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status file_fault_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    atomic_fetch_add(&fault_of(file)->plan->flush_count, 1);
    if (must_fail(file, VDISK_FAULT_FLUSH))
        return fail(file, VDISK_NO_OFFSET, error);
    return vdisk_file_flush(fault_of(file)->below, error);
}

static enum vdisk_status file_fault_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                             struct vdisk_error *error)
{
    return vdisk_file_get_size(fault_of(file)->below, size_bytes, error);
}

static enum vdisk_status file_fault_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                             struct vdisk_error *error)
{
    if (must_fail(file, VDISK_FAULT_SET_SIZE))
        return fail(file, size_bytes, error);
    return vdisk_file_set_size(fault_of(file)->below, size_bytes, error);
}

static enum vdisk_status file_fault_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                          uint64_t length_bytes, struct vdisk_error *error)
{
    if (must_fail(file, VDISK_FAULT_PUNCH))
        return fail(file, offset_bytes, error);
    return vdisk_file_punch(fault_of(file)->below, offset_bytes, length_bytes, error);
}

static enum vdisk_status file_fault_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                              enum vdisk_file_range *range, uint64_t *length_bytes,
                                              struct vdisk_error *error)
{
    return vdisk_file_get_range(fault_of(file)->below, offset_bytes, range, length_bytes, error);
}

static enum vdisk_status file_fault_get_allocated(struct vdisk_file *file,
                                                  uint64_t *allocated_bytes,
                                                  struct vdisk_error *error)
{
    return vdisk_file_get_allocated(fault_of(file)->below, allocated_bytes, error);
}

static void file_fault_close(struct vdisk_file *file)
{
    vdisk_file_close(fault_of(file)->below);
    vdisk_file_deinit(file);
    vdisk_free(file);
}

static const struct vdisk_file_ops file_fault_ops = {
    .read = file_fault_read,
    .write = file_fault_write,
    .flush = file_fault_flush,
    .get_size = file_fault_get_size,
    .set_size = file_fault_set_size,
    .punch = file_fault_punch,
    .get_range = file_fault_get_range,
    .get_allocated = file_fault_get_allocated,
    .close = file_fault_close,
};

enum vdisk_status vdisk_file_fault_open(struct vdisk_file *below, struct vdisk_fault_plan *plan,
                                        struct vdisk_file **file, struct vdisk_error *error)
{
    struct file_fault *fault = vdisk_alloc(sizeof *fault);
    enum vdisk_status status;

    if (fault == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, below->name, NULL, VDISK_NO_OFFSET, NULL);
    fault->below = below;
    fault->plan = plan;
    status = vdisk_file_init(&fault->file, &file_fault_ops, below->name, below->alignment_bytes,
                             below->read_only, error);
    if (status != VDISK_OK) {
        vdisk_free(fault);
        return status;
    }
    fault->file.punch_bytes = below->punch_bytes;
    *file = &fault->file;
    return VDISK_OK;
}
