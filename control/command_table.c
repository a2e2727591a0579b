/* The one table of commands and options. */
#include "command.h"

#include <string.h>

#define BIT(option) VDISK_OPTION_BIT(VDISK_OPTION_##option)

const struct vdisk_option_description vdisk_options[VDISK_OPTION_COUNT] = {
    [VDISK_OPTION_HELP] = {"help", NULL, "show this text"},
    [VDISK_OPTION_JSON] = {"json", NULL, "print the result as JSON"},
    [VDISK_OPTION_LETTER] = {"letter", "V:", "use this drive letter"},
    [VDISK_OPTION_READ_ONLY] = {"read-only", NULL, "refuse writes to the volume"},
    [VDISK_OPTION_ALL] = {"all", NULL, "close every open image"},
    [VDISK_OPTION_FORMAT] = {"format", "F",
                             "the format: see 'help formats'; without it, it is found out"},
    [VDISK_OPTION_FROM] = {"from", "F", "the format of the first image, instead of finding it out"},
    [VDISK_OPTION_TO] = {"to", "F", "the format of the second image"},
    [VDISK_OPTION_FIXED] = {"fixed", NULL, "take all space on the disk now"},
    [VDISK_OPTION_SUBFORMAT] = {"subformat", "S", "the format's variant, as 'info' names it"},
    [VDISK_OPTION_PARENT] = {"parent", "FILE", "hold only what differs from this image"},
    [VDISK_OPTION_BLOCK_SIZE] = {"block-size", "N", "the unit in which space is taken"},
    [VDISK_OPTION_SECTOR_SIZE] = {"sector-size", "N", "the disk's sectors: 512 or 4096 bytes"},
    [VDISK_OPTION_COMPRESS] = {"compress", NULL, "compress what is written"},
    [VDISK_OPTION_SNAPSHOT] = {"snapshot", "S", "read this snapshot, by name or id"},
    [VDISK_OPTION_CHAIN] = {"chain", NULL, "show the image's parents, too"},
    [VDISK_OPTION_REPAIR] = {"repair", NULL, "repair what can be repaired without guessing"},
    [VDISK_OPTION_OFFSET] = {"offset", "N", "begin at this byte of the disk"},
    [VDISK_OPTION_LENGTH] = {"length", "N", "this many bytes"},
    [VDISK_OPTION_SHRINK] = {"shrink", NULL, "allow a smaller size: what lies beyond is lost"},
    [VDISK_OPTION_UNSAFE] = {"unsafe", NULL, "do not compare the contents of the parents"},
    [VDISK_OPTION_PROGRESS] = {"progress", "KIND", "json: lines for programs on stderr; or none"},
    [VDISK_OPTION_FS] = {"fs", "KIND", "put an empty file system on it: fat or exfat"},
    [VDISK_OPTION_LABEL] = {"label", "L", "the file system's label, up to 11 characters of ASCII"},
    [VDISK_OPTION_DETECT_ZEROES] = {"detect-zeroes", NULL,
                                    "zeros that are written take no space where they need not"},
    [VDISK_OPTION_WAIT] = {"wait", "SECONDS", "how long to wait while it is in use (5)"},
    [VDISK_OPTION_FORCE] = {"force", NULL,
                            "close: also while files are open; open: format what is not empty"},
    [VDISK_OPTION_DISCARD] = {"discard", NULL, "delete the overlay, and all that was written"},
    [VDISK_OPTION_COMMIT] = {"commit", NULL, "write the overlay into the image, and delete it"},
    [VDISK_OPTION_WATCH] = {"watch", NULL, "show what is done in every interval, until Ctrl-C"},
    [VDISK_OPTION_READ_WRITE] = {"read-write", NULL, "allow writes to the volume"},
    [VDISK_OPTION_PARTITION] = {"partition", "N", "only the partition of this number"},
    [VDISK_OPTION_WHOLE] = {"whole", NULL, "the disk as it is, whatever its partitions"},
    [VDISK_OPTION_OVERLAY] = {"overlay", "O",
                              "write into the file O, or 'memory', or 'memory:LIMIT', instead"},
    [VDISK_OPTION_RAM] = {"ram", "WHAT", "a disk in memory: of this size, or loaded from a file"},
    [VDISK_OPTION_MOUNT] = {"mount", "FOLDER", "no letter: show the volume in this empty folder"},
    [VDISK_OPTION_NO_LETTER] = {"no-letter", NULL, "give it no letter"},
    [VDISK_OPTION_FORMAT_AS] = {"format-as", "KIND", "put a file system on it: fat, exfat or ntfs"},
    [VDISK_OPTION_PERSISTENT] = {"persistent", NULL, "open it again whenever the system starts"},
    [VDISK_OPTION_ACCESS] = {"access", "WHO", "of the raw volume: admins, everyone, or SDDL"},
    [VDISK_OPTION_SAFE] = {"safe", NULL, "check the image first; read-only, no letter"},
};

static const struct vdisk_command commands[] = {
    {
        .name = "open",
        .usage = "<file> [<size in MB, default 100>] [--letter V: | --mount FOLDER | --no-letter]\n"
                 "       [--read-only] [--format F] [--partition N | --whole] [--sector-size N]\n"
                 "       [--overlay O] [--format-as KIND [--label L] [--force]] [--detect-zeroes]\n"
                 "       [--persistent] [--access WHO] [--safe] [--json]\n"
                 "       --ram SIZE [<name>] | --ram FILE ...",
        .summary = "make volumes of an image; a file that does not exist is created",
        .details =
            "A new file is an image of the given size, a number of megabytes, or a number with\n"
            "the unit K, M, G or T; it is raw, or of the format that --format or its ending "
            "names.\n"
            "The command returns when the volume can be used.\n"
            "Opening what is open already says so and succeeds, unless an option asks for\n"
            "something else than what is open.\n"
            "\n"
            "Of a disk with partitions every one that holds data becomes a volume, or none when\n"
            "one fails; the letter is that of the first. --partition opens further ones later, as\n"
            "the first was opened. In JSON \"devices\" are all volumes, \"device\" is the first.\n"
            "\n"
            "An overlay file is made where there is none: a differencing image of the format that\n"
            "its ending names, else qcow2; the image is only read. What was written is thrown\n"
            "away, or written into the image, by `close --discard` and `close --commit`. What an\n"
            "overlay in memory holds is lost when the image is closed otherwise; its limit is a\n"
            "quarter of the machine's memory.\n"
            "\n"
            "What --ram takes is a size when it is a number, or a number with K, M, G or T, and a\n"
            "file otherwise (a file called 100 is ./100). An empty RAM disk is named ram:NAME,\n"
            "or by the smallest number that is free; one that was loaded is named by its file.\n"
            "\n"
            "--access is who may use the volume as a raw disk; who may use files on it is up to\n"
            "its file system. --safe is for images from strangers: they are checked, opened\n"
            "read-only without a letter, for administrators.\n",
        .options = BIT(LETTER) | BIT(READ_ONLY) | BIT(JSON) | BIT(FORMAT) | BIT(PARTITION) |
                   BIT(WHOLE) | BIT(SECTOR_SIZE) | BIT(OVERLAY) | BIT(FORMAT_AS) | BIT(FS) |
                   BIT(LABEL) | BIT(FORCE) | BIT(DETECT_ZEROES) | BIT(PERSISTENT) | BIT(ACCESS) |
                   BIT(SAFE) | BIT(RAM) | BIT(MOUNT) | BIT(NO_LETTER),
        .operands_min = 0,
        .operands_max = 2,
        .run = vdisk_command_open,
    },
    {
        .name = "close",
        .usage = "<file | V: | --all> [--wait SECONDS] [--force] [--json]\n"
                 "       [--discard | --commit]",
        .summary = "remove the volumes of an image, or the one of a letter",
        .details =
            "An image is named by its file, which may be gone, by its overlay, or as ram:NAME.\n"
            "Everything is written to it first. While files on its volumes are open, it is not\n"
            "closed, and the programs that have them open are named. --force closes it all the\n"
            "same: at once, or after the wait. What was written until then is in the image; the\n"
            "programs get errors from then on.\n",
        .options = BIT(ALL) | BIT(WAIT) | BIT(FORCE) | BIT(DISCARD) | BIT(COMMIT) | BIT(JSON),
        .operands_min = 0,
        .operands_max = 1,
        .run = vdisk_command_close,
    },
    {
        .name = "list",
        .usage = "[--json]",
        .summary = "show the open images",
        .details = "USED is what the data occupies on the disk, or of memory; REQUESTS are under\n"
                   "way now. A volume that is stopped has no letter, and can only be closed.\n",
        .options = BIT(JSON),
        .run = vdisk_command_list,
    },
    {
        .name = "stats",
        .usage = "<file | V:> [--watch [<seconds>]] [--json]",
        .summary = "show what an open volume has done, and how fast",
        .details =
            "Counted since the volume was opened. The times are estimates: 50%, 95% and 99% of\n"
            "the requests took no longer, from their arrival in the driver to their end. In JSON\n"
            "they are microseconds, and the i-th number of \"latency\" (from 0) counts requests\n"
            "that took less than 2^i and not less than 2^(i-1).\n",
        .options = BIT(WATCH) | BIT(JSON),
        .operands_min = 1,
        .operands_max = 2,
        .run = vdisk_command_stats,
    },
    {
        .name = "set",
        .usage = "<file | V:> --read-only | --read-write",
        .summary = "make an open volume read-only, or writable again",
        .details = "The file system is dismounted for it: no files may be open on the volume.\n"
                   "Opened again, the volume is as `open` says.\n",
        .options = BIT(READ_ONLY) | BIT(READ_WRITE),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_set,
    },
    {
        .name = "flush",
        .usage = "<file | V:>",
        .summary = "write everything on an open volume to the disk under its image",
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_flush,
    },
    {
        .name = "reconnect",
        .usage = "<file | V:>",
        .summary = "open the image of an open volume again, after its file had vanished",
        .details =
            "For images on drives and networks that come and go. The file must be the same\n"
            "image as before: its size, sectors and id are compared, and what its first and\n"
            "last sectors hold. A raw or QCOW2 image must not be changed meanwhile: where\n"
            "others wrote elsewhere in it, nobody can tell. A volume whose file came back\n"
            "read-only is read-only until `set --read-write`.\n",
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_reconnect,
    },
    {
        .name = "create",
        .usage = "<file> [<size>] [--format F] [--fixed] [--subformat S] [--parent FILE]\n"
                 "       [--block-size N] [--sector-size N] [--fs fat|exfat [--label L]]",
        .summary = "make a new image",
        .details =
            "The size counts bytes, or K, M, G, T; with --parent it may be left out. Without\n"
            "--format the file's ending names the format, and any other ending means raw.\n",
        .options = BIT(FORMAT) | BIT(FIXED) | BIT(SUBFORMAT) | BIT(PARENT) | BIT(BLOCK_SIZE) |
                   BIT(SECTOR_SIZE) | BIT(FS) | BIT(LABEL),
        .operands_min = 1,
        .operands_max = 2,
        .run = vdisk_command_create,
    },
    {
        .name = "info",
        .usage = "<file> [--chain] [--format F] [--sector-size N] [--json]",
        .summary = "show what an image is, and what is on it",
        .options = BIT(CHAIN) | BIT(FORMAT) | BIT(SECTOR_SIZE) | BIT(JSON),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_info,
    },
    {
        .name = "check",
        .usage = "<file> [--repair] [--format F] [--json]",
        .summary = "look for damage in an image, and repair it",
        .options = BIT(REPAIR) | BIT(FORMAT) | BIT(JSON),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_check,
    },
    {
        .name = "map",
        .usage = "<file> [--format F] [--snapshot S] [--json]",
        .summary = "show where the disk's contents are stored",
        .options = BIT(FORMAT) | BIT(SNAPSHOT) | BIT(JSON),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_map,
    },
    {
        .name = "convert",
        .usage = "<source> <target> [--from F] [--to F] [--fixed] [--subformat S] [--compress]\n"
                 "       [--parent FILE] [--block-size N] [--snapshot S] [--progress KIND]",
        .summary = "copy an image into a new one of another format",
        .details =
            "Without --to the target's ending names its format. The target appears when it is\n"
            "complete; a file of its name must not exist.\n",
        .options = BIT(FROM) | BIT(TO) | BIT(FIXED) | BIT(SUBFORMAT) | BIT(COMPRESS) | BIT(PARENT) |
                   BIT(BLOCK_SIZE) | BIT(SNAPSHOT) | BIT(PROGRESS),
        .operands_min = 2,
        .operands_max = 2,
        .run = vdisk_command_convert,
    },
    {
        .name = "compare",
        .usage = "<a> <b> [--from F] [--to F] [--progress KIND]",
        .summary = "tell whether two images hold the same disk",
        .details = "When one disk is longer, the rest of it must be zeros.\n",
        .options = BIT(FROM) | BIT(TO) | BIT(PROGRESS),
        .operands_min = 2,
        .operands_max = 2,
        .run = vdisk_command_compare,
    },
    {
        .name = "resize",
        .usage = "<file | V:> <size | +size> [--partition N] [--shrink] [--format F]",
        .summary = "change the size of the disk in an image",
        .details =
            "An image that is open as a volume can grow; its file system grows with it where\n"
            "Windows can extend it. So can a partition when nothing lies behind it, and the\n"
            "disk with it when that is too short.\n",
        .options = BIT(PARTITION) | BIT(SHRINK) | BIT(FORMAT),
        .operands_min = 2,
        .operands_max = 2,
        .run = vdisk_command_resize,
    },
    {
        .name = "compact",
        .usage = "<file> [--format F] [--progress KIND]",
        .summary = "give space that holds only zeros back to the host",
        .details = "Images that are based on this one must be rebased afterwards.\n",
        .options = BIT(FORMAT) | BIT(PROGRESS),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_compact,
    },
    {
        .name = "commit",
        .usage = "<child> [--format F] [--to F] [--progress KIND]",
        .summary = "write what an image holds into its parent",
        .details =
            "The child can be deleted afterwards. Other children of the parent are lost. When a\n"
            "power cut comes in between, the child may not know its parent any more: `rebase\n"
            "--unsafe` to the same parent, and commit again. --to names the parent's format: raw,\n"
            "where its guest may have written what looks like another.\n",
        .options = BIT(FORMAT) | BIT(TO) | BIT(PROGRESS),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_commit,
    },
    {
        .name = "rebase",
        .usage = "<child> --parent FILE [--unsafe] [--format F] [--progress KIND]",
        .summary = "give an image another parent; its contents stay",
        .details =
            "What differs between the parents is written into the child. A parent that was only\n"
            "moved is recognised by its identity. --unsafe skips all that.\n",
        .options = BIT(PARENT) | BIT(UNSAFE) | BIT(FORMAT) | BIT(PROGRESS),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_rebase,
    },
    {
        .name = "read",
        .usage = "<file> [--offset N] [--length N] [--format F] [--snapshot S]",
        .summary = "write the contents of the disk to stdout",
        .options = BIT(OFFSET) | BIT(LENGTH) | BIT(FORMAT) | BIT(SNAPSHOT),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_read,
    },
    {
        .name = "write",
        .usage = "<file> --offset N [--detect-zeroes] [--format F]",
        .summary = "write stdin to the disk",
        .options = BIT(OFFSET) | BIT(DETECT_ZEROES) | BIT(FORMAT),
        .operands_min = 1,
        .operands_max = 1,
        .run = vdisk_command_write,
    },
    {
        .name = "snapshot",
        .usage = "list|create|delete|apply <file> [<name>] [--format F] [--json]",
        .summary = "work with the snapshots inside an image",
        .options = BIT(FORMAT) | BIT(JSON),
        .operands_min = 2,
        .operands_max = 3,
        .run = vdisk_command_snapshot,
    },
    {
        .name = "install",
        .usage = "",
        .summary = "install the driver package that lies beside this program",
        .details = "`open` does it on first use. After an update of the files it is needed once.\n",
        .run = vdisk_command_install,
    },
    {
        .name = "uninstall",
        .usage = "",
        .summary = "close every image and remove the driver",
        .run = vdisk_command_uninstall,
    },
    {
        .name = "help",
        .usage = "[<command> | formats | exit-codes]",
        .summary = "explain a command",
        .operands_max = 1,
        .run = vdisk_command_help,
    },
    {
        .name = "version",
        .usage = "",
        .summary = "show the version",
        .run = vdisk_command_version,
    },
};

const struct vdisk_command *vdisk_command_at(size_t index)
{
    return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index] : NULL;
}

const struct vdisk_command *vdisk_command_find(const char *name)
{
    for (size_t i = 0; vdisk_command_at(i) != NULL; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}
