package dev.pgeventstore.examples.archive;

import dev.pgeventstore.codec.EventType;

/** What happens to a parcel. Each parcel is a stream. */
sealed interface ParcelEvent {

  @EventType(name = "parcel-posted")
  record Posted(String to) implements ParcelEvent {}

  @EventType(name = "parcel-scanned")
  record Scanned(String place) implements ParcelEvent {}
}
