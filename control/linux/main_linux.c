#include "command.h"

int main(int argc, char **argv)
{
    return vdisk_control_main(argc, argv);
}
