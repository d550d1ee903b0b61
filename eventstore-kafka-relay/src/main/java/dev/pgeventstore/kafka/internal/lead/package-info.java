/** Who of several relays may publish: by leases that are kept in the database. */
@NullMarked
package dev.pgeventstore.kafka.internal.lead;

import org.jspecify.annotations.NullMarked;
