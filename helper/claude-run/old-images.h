/* Which guest images have an older agent than another one has. */
#pragma once

/* Prints a sentence for each such image of the user's and the system's: which agent it has, which image has
 * a newer one, and how to renew it. */
void old_images_print(void);
