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

#define RAM_PREFIX       "ram:" /* VIRTUALDISK_RAM_PREFIX */
#define RAM_PREFIX_CHARS (sizeof(RAM_PREFIX) - 1)

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
    if (partition != NULL && request->whole)
        return refuse("--partition %s does not go with --whole", partition);
    return vdisk_arguments_partition(arguments, &request->partition) ? VDISK_EXIT_OK
                                                                     : VDISK_EXIT_USAGE;
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
    request->access_is_given = text != NULL;
    if (text == NULL || strcmp(text, "admins") == 0)
        return VDISK_EXIT_OK;
    if (request->checked_first)
        return refuse("--access %s does not go with --safe", text);
    request->access = vdisk_wide_from_utf8(strcmp(text, "everyone") == 0 ? ACCESS_EVERYONE : text);
    if (request->access == NULL || !is_descriptor(request->access))
        return refuse("'%s' is neither 'everyone' nor 'admins' nor a descriptor in SDDL", text);
    return VDISK_EXIT_OK;
}

/* 0: unknown */
static uint64_t memory_of_machine(void)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof(memory)};
    return GlobalMemoryStatusEx(&memory) ? memory.ullTotalPhys : 0;
}

/* A quarter of what the machine has: what the volume takes, others miss. */
static uint64_t default_memory_limit(void)
{
    uint64_t quarter = memory_of_machine() / 4;
    return quarter < MEMORY_LIMIT_LEAST ? MEMORY_LIMIT_LEAST : quarter;
}

enum vdisk_exit vdisk_open_request_check_memory(uint64_t size_bytes, const char *what)
{
    uint64_t memory_bytes = memory_of_machine();
    char size[VDISK_SIZE_TEXT_BYTES], memory[VDISK_SIZE_TEXT_BYTES];
    if (memory_bytes == 0 || size_bytes <= memory_bytes)
        return VDISK_EXIT_OK;
    vdisk_output_message("--ram %s: %s do not fit into this machine's memory of %s", what,
                         vdisk_size_text(size_bytes, size), vdisk_size_text(memory_bytes, memory));
    return VDISK_EXIT_USAGE;
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
        request->limit_is_given = overlay[6] == ':';
        if (request->limit_is_given &&
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

static bool has_ram_prefix(const char *text)
{
    return _strnicmp(text, RAM_PREFIX, RAM_PREFIX_CHARS) == 0;
}

enum vdisk_exit vdisk_open_request_name_ram(struct vdisk_open_request *request, const char *name)
{
    if (has_ram_prefix(name))
        name += RAM_PREFIX_CHARS;
    if (strpbrk(name, "\\/:*?\"<>|") != NULL || *name == '\0')
        return refuse("'%s' is not a name for a RAM disk", name);
    request->display_path = vdisk_text_format(RAM_PREFIX "%s", name);
    request->path =
        request->display_path == NULL ? NULL : vdisk_wide_from_utf8(request->display_path);
    if (request->path != NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

/* Digits, and perhaps one letter more. */
static bool looks_like_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits != 0 && (text[digits] == '\0' || text[digits + 1] == '\0');
}

static enum vdisk_exit resolve_image(struct vdisk_open_request *request, const char *operand)
{
    if (has_ram_prefix(operand)) /* or the file "ram" would get a stream of that name */
        return refuse("%s is the name of a RAM disk: 'open --ram SIZE NAME' makes one", operand);
    request->path = vdisk_device_path_resolve(operand);
    request->display_path = request->path == NULL ? NULL : vdisk_device_path_display(request->path);
    return request->display_path == NULL ? refuse("'%s' is not a path", operand) : VDISK_EXIT_OK;
}

/* What only an image has. */
static const char *image_option(const struct vdisk_open_request *request)
{
    if (request->partition != 0)
        return "--partition";
    if (request->format != NULL)
        return "--format";
    if (request->checked_first)
        return "--safe";
    return request->read_only ? "--read-only" : NULL;
}

/* The operand is its name; without one, it gets one when it is known which are free. */
static enum vdisk_exit read_empty_ram(struct vdisk_open_request *request,
                                      const struct vdisk_arguments *arguments, const char *size)
{
    uint32_t sector_bytes = request->sector_bytes == 0 ? 512 : request->sector_bytes;
    const char *option = image_option(request);
    request->empty_ram = true;
    if (option != NULL)
        return refuse("an empty RAM disk does not go with %s", option);
    if (arguments->operand_count > 1)
        return refuse("a RAM disk has one name: '%s' is one word too many", arguments->operands[1]);
    if (!vdisk_size_parse(size, "the size", 1, &request->memory_bytes))
        return VDISK_EXIT_USAGE;
    if (request->memory_bytes % sector_bytes != 0)
        return refuse("--ram %s is not a number of whole sectors", size);
    enum vdisk_exit code = vdisk_open_request_check_memory(request->memory_bytes, size);
    if (code != VDISK_EXIT_OK || arguments->operand_count == 0)
        return code;
    return vdisk_open_request_name_ram(request, arguments->operands[0]);
}

static bool is_missing(const wchar_t *path)
{
    return GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES;
}

static enum vdisk_exit read_ram(struct vdisk_open_request *request,
                                const struct vdisk_arguments *arguments, const char *what)
{
    request->flags |= VIRTUALDISK_FLAG_RAM;
    if (request->overlay != VDISK_OVERLAY_NONE)
        return refuse("--ram %s does not go with --overlay", what);
    if (looks_like_size(what))
        return read_empty_ram(request, arguments, what);
    if (arguments->operand_count != 0)
        return refuse("--ram %s names the image: no other file is needed", what);
    enum vdisk_exit code = resolve_image(request, what);
    if (code == VDISK_EXIT_OK && *what >= '0' && *what <= '9' && is_missing(request->path))
        return refuse("--ram %s is neither a size (a number, or one with K, M, G, T) nor a file",
                      what);
    return code;
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
