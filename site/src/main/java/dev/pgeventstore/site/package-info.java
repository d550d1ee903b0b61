/** Makes a static site from the Markdown in docs/, and from the files that it links to. */
package dev.pgeventstore.site;
