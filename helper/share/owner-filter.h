/* A guest's chown(2) that changes nothing on the host changes nothing there. */
#pragma once

/* Makes chown(2) to the one owner of a share succeed without being made, for this process and what it
 * becomes: the kernel would set the file's time of change (ctime). The guest repeats an event of the host's
 * by such a call (guest/libexec/host-changes), and git takes a file with another time for a changed one: a
 * rebase in the guest or on the host ended in its middle. virtiofsd has user and group 0 for this user, and
 * no others. A file of somebody else's stays as it is, too, although the guest is told of a success. 0;
 * negative errno. */
int owner_filter_enforce(void);
