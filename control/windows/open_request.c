#include "open_request.h"

#include "backend.h"
#include "device_path.h"
#include "image_file.h"
#include "letter.h"
#include "output.h"
#include "size.h"
#include "wide_win32.h"
#include "virtualdisk/filesystem.h"
#include "virtualdisk/platform.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#define MEGABYTE           (UINT64_C(1) << 20)
#define DEFAULT_SIZE_BYTES (100 * MEGABYTE)
#define MEMORY_LIMIT_LEAST (64 * MEGABYTE)

/* Everyone may use the volume as a raw disk, too. */
#define ACCESS_EVERYONE "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;WD)"

static enum vdisk_exit refuse(const char *format, const char *value)
{
    vdisk_output_message(format, value);
    return VDISK_EXIT_USAGE;
}

static enum vdisk_exit read_place(struct vdisk_open_request *request,
                                  const struct vdisk_arguments *arguments)
{
    const char *letter = arguments->options[VDISK_OPTION_LETTER];
    request->mount = arguments->options[VDISK_OPTION_MOUNT];
    request->no_letter = vdisk_arguments_has(arguments, VDISK_OPTION_NO_LETTER) ||
                         request->mount != NULL || request->checked_first;
    if (letter != NULL && request->no_letter)
        return refuse("--letter %s does not go with --mount, --no-letter or --safe", letter);
    if (letter != NULL && !vdisk_letter_parse(letter, true, &request->letter))
        return refuse("'%s' is not a drive letter", letter);
    return VDISK_EXIT_OK;
}

static enum vdisk_exit read_part(struct vdisk_open_request *request,
                                 const struct vdisk_arguments *arguments)
{
    const char *partition = arguments->options[VDISK_OPTION_PARTITION];
    request->whole = vdisk_arguments_has(arguments, VDISK_OPTION_WHOLE);
    if (partition == NULL)
        return VDISK_EXIT_OK;
    char *end;
    unsigned long number = strtoul(partition, &end, 10);
    if (request->whole)
        return refuse("--partition %s does not go with --whole", partition);
    if (*end != '\0' || number == 0 || number > UINT16_MAX)
        return refuse("'%s' is not the number of a partition", partition);
    request->partition = (uint32_t)number;
    return VDISK_EXIT_OK;
}

static enum vdisk_exit read_sector_size(struct vdisk_open_request *request,
                                        const struct vdisk_arguments *arguments)
{
    const char *text = arguments->options[VDISK_OPTION_SECTOR_SIZE];
    uint64_t bytes = 0;
    if (text == NULL)
        return VDISK_EXIT_OK;
    if (!vdisk_size_parse(text, "the sector size", 1, &bytes))
        return VDISK_EXIT_USAGE;
    if (bytes != 512 && bytes != 4096)
        return refuse("sectors have 512 or 4096 bytes, not %s", text);
    request->sector_bytes = (uint32_t)bytes;
    return VDISK_EXIT_OK;
}

static enum vdisk_exit read_filesystem(struct vdisk_open_request *request,
                                       const struct vdisk_arguments *arguments)
{
    request->filesystem = arguments->options[VDISK_OPTION_FORMAT_AS];
    if (request->filesystem == NULL)
        request->filesystem = arguments->options[VDISK_OPTION_FS];
    request->label = arguments->options[VDISK_OPTION_LABEL];
    request->reformat = vdisk_arguments_has(arguments, VDISK_OPTION_FORCE);
    if (request->filesystem == NULL && request->label != NULL)
        return refuse("the label '%s' needs a file system: --format-as", request->label);
    if (request->filesystem != NULL && strcmp(request->filesystem, "ntfs") != 0 &&
        !vdisk_filesystem_is_known(request->filesystem))
        return refuse("'%s' is no file system that can be made: fat, exfat or ntfs",
                      request->filesystem);
    if (request->filesystem != NULL && request->read_only)
        return refuse("a read-only volume cannot be formatted as %s", request->filesystem);
    return VDISK_EXIT_OK;
}

/* Some systems have no such function: there the driver judges. */
static bool is_descriptor(const wchar_t *sddl)
{
    PSECURITY_DESCRIPTOR descriptor;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1, &descriptor,
                                                              NULL))
        return false;
    LocalFree(descriptor);
    return true;
}

static enum vdisk_exit read_access(struct vdisk_open_request *request,
                                   const struct vdisk_arguments *arguments)
{
    const char *text = arguments->options[VDISK_OPTION_ACCESS];
    if (text == NULL || strcmp(text, "admins") == 0)
        return VDISK_EXIT_OK;
    if (request->checked_first)
        return refuse("--access %s does not go with --safe", text);
    request->access = vdisk_wide_from_utf8(strcmp(text, "everyone") == 0 ? ACCESS_EVERYONE : text);
    if (request->access == NULL || !is_descriptor(request->access))
        return refuse("'%s' is neither 'everyone' nor 'admins' nor a descriptor in SDDL", text);
    return VDISK_EXIT_OK;
}

/* A quarter of what the machine has: what the volume takes, others miss. */
static uint64_t default_memory_limit(void)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof(memory)};
    uint64_t quarter = GlobalMemoryStatusEx(&memory) ? memory.ullTotalPhys / 4 : 0;
    return quarter < MEMORY_LIMIT_LEAST ? MEMORY_LIMIT_LEAST : quarter;
}

static enum vdisk_exit read_overlay(struct vdisk_open_request *request,
                                    const struct vdisk_arguments *arguments)
{
    const char *overlay = arguments->options[VDISK_OPTION_OVERLAY];
    if (overlay == NULL)
        return VDISK_EXIT_OK;
    if (strcmp(overlay, "memory") == 0 || strncmp(overlay, "memory:", 7) == 0) {
        request->overlay = VDISK_OVERLAY_MEMORY;
        request->flags |= VIRTUALDISK_FLAG_MEMORY;
        request->memory_bytes = default_memory_limit();
        if (overlay[6] == ':' &&
            !vdisk_size_parse(overlay + 7, "the limit of the overlay", 1, &request->memory_bytes))
            return VDISK_EXIT_USAGE;
        return VDISK_EXIT_OK;
    }
    request->overlay = VDISK_OVERLAY_FILE;
    request->overlay_path = vdisk_device_path_resolve(overlay);
    if (request->overlay_path != NULL)
        request->overlay_display = vdisk_device_path_display(request->overlay_path);
    return request->overlay_display == NULL ? refuse("'%s' is not a path", overlay) : VDISK_EXIT_OK;
}

static enum vdisk_exit read_flags(struct vdisk_open_request *request,
                                  const struct vdisk_arguments *arguments)
{
    request->checked_first = vdisk_arguments_has(arguments, VDISK_OPTION_SAFE);
    request->read_only =
        request->checked_first || vdisk_arguments_has(arguments, VDISK_OPTION_READ_ONLY);
    if (vdisk_arguments_has(arguments, VDISK_OPTION_PERSISTENT))
        request->flags |= VIRTUALDISK_FLAG_PERSISTENT;
    if (vdisk_arguments_has(arguments, VDISK_OPTION_DETECT_ZEROES))
        request->flags |= VIRTUALDISK_FLAG_DETECT_ZEROES;
    request->format = arguments->options[VDISK_OPTION_FORMAT];
    if (request->format != NULL && vdisk_image_file_choose_format(request->format, "") == NULL)
        return VDISK_EXIT_USAGE;
    return VDISK_EXIT_OK;
}

/* The operand of a RAM disk is its name, or nothing. */
static enum vdisk_exit name_ram_disk(struct vdisk_open_request *request,
                                     const struct vdisk_arguments *arguments)
{
    const char *name = arguments->operand_count == 0 ? "1" : arguments->operands[0];
    if (strpbrk(name, "\\/:*?\"<>|") != NULL || *name == '\0')
        return refuse("'%s' is not a name for a RAM disk", name);
    request->display_path = vdisk_text_format("ram:%s", name);
    request->path =
        request->display_path == NULL ? NULL : vdisk_wide_from_utf8(request->display_path);
    return request->path == NULL ? VDISK_EXIT_INTERNAL : VDISK_EXIT_OK;
}

/* Digits, and perhaps one letter more. */
static bool looks_like_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits != 0 && (text[digits] == '\0' || text[digits + 1] == '\0');
}

static enum vdisk_exit resolve_image(struct vdisk_open_request *request, const char *operand)
{
    request->path = vdisk_device_path_resolve(operand);
    request->display_path = request->path == NULL ? NULL : vdisk_device_path_display(request->path);
    return request->display_path == NULL ? refuse("'%s' is not a path", operand) : VDISK_EXIT_OK;
}

static enum vdisk_exit read_ram(struct vdisk_open_request *request,
                                const struct vdisk_arguments *arguments, const char *what)
{
    request->flags |= VIRTUALDISK_FLAG_RAM;
    if (request->overlay != VDISK_OVERLAY_NONE)
        return refuse("--ram %s does not go with --overlay", what);
    if (!looks_like_size(what)) {
        if (arguments->operand_count != 0)
            return refuse("--ram %s names the image: no other file is needed", what);
        return resolve_image(request, what);
    }
    request->empty_ram = true;
    if (!vdisk_size_parse(what, "the size", 1, &request->memory_bytes))
        return VDISK_EXIT_USAGE;
    return name_ram_disk(request, arguments);
}

static enum vdisk_exit read_image(struct vdisk_open_request *request,
                                  const struct vdisk_arguments *arguments)
{
    const char *ram = arguments->options[VDISK_OPTION_RAM];
    if (ram != NULL)
        return read_ram(request, arguments, ram);
    if (arguments->operand_count == 0) {
        vdisk_output_message("'open' needs a file, or --ram");
        return VDISK_EXIT_USAGE;
    }
    request->new_size_bytes = DEFAULT_SIZE_BYTES;
    if (arguments->operand_count == 2 &&
        !vdisk_size_parse(arguments->operands[1], "the size", MEGABYTE, &request->new_size_bytes))
        return VDISK_EXIT_USAGE;
    return resolve_image(request, arguments->operands[0]);
}

enum vdisk_exit vdisk_open_request_read(struct vdisk_open_request *request,
                                        const struct vdisk_arguments *arguments)
{
    static enum vdisk_exit (*const readers[])(struct vdisk_open_request * request,
                                              const struct vdisk_arguments *arguments) = {
        read_flags,      read_place,  read_part,    read_sector_size,
        read_filesystem, read_access, read_overlay, read_image,
    };
    enum vdisk_exit code = VDISK_EXIT_OK;
    *request = (struct vdisk_open_request){0};
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]) && code == VDISK_EXIT_OK; i++)
        code = readers[i](request, arguments);
    if (code == VDISK_EXIT_OK && request->no_letter)
        request->flags |= VIRTUALDISK_FLAG_NO_LETTER;
    return code;
}

void vdisk_open_request_free(struct vdisk_open_request *request)
{
    vdisk_free(request->path);
    vdisk_free(request->display_path);
    vdisk_free(request->overlay_path);
    vdisk_free(request->overlay_display);
    vdisk_free(request->access);
}
