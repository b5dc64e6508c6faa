/**
 * Files that an engine needs and that no renderer may make, because their content lies outside the cluster file:
 * certificates with keys, people's error pages, the password of the page with figures. Here is only said where each
 * belongs; the host reads and writes them.
 */

import type { BalancerConfig, SiteConfig } from "../config/balancer.ts";

/** A certificate with its key in one PEM file, which only the engine may read. */
export interface Bundle {
  /** Relative to the engine's directory. */
  readonly path: string;
  readonly certificate: string;
  /** Undefined: the certificate's file holds it. */
  readonly key: string | undefined;
}

/** A person's HTML as an answer that the engine gives itself. */
export interface ErrorPage {
  /** Relative to the engine's directory. */
  readonly path: string;
  readonly status: number;
  /** The HTML file. */
  readonly source: string;
}

export interface NeededFiles {
  readonly bundles: readonly Bundle[];
  readonly errorPages: readonly ErrorPage[];
  /** Login of the page with figures. */
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
}

/** Each file once, named for the first site that uses it. */
export function neededFiles(config: BalancerConfig): NeededFiles {
  const bundles = new Map<string, Bundle>();
  const errorPages = new Map<string, ErrorPage>();
  for (const site of config.sites) {
    (site.tls?.certificates ?? []).forEach(({ certificate, key }, index) => {
      const known = bundleKey(certificate, key);
      if (bundles.has(known)) return;
      bundles.set(known, { path: `certificates/${site.name}-${index + 1}.pem`, certificate, key });
    });
    for (const { status, path } of site.errorPages) {
      const known = pageKey(status, path);
      if (errorPages.has(known)) continue;
      errorPages.set(known, { path: `errors/${site.name}-${status}.http`, status, source: path });
    }
  }
  const { stats } = config;
  return {
    bundles: [...bundles.values()],
    errorPages: [...errorPages.values()],
    login: stats && { user: stats.user, passwordFile: stats.passwordFile },
  };
}

/** Finds the files of one site among those of the config. */
export interface FileFinder {
  /** The site's bundles in its order. */
  bundlesOf(site: SiteConfig): readonly string[];
  errorPage(status: number, source: string): string;
}

export function fileFinder({ bundles, errorPages }: NeededFiles): FileFinder {
  const byCertificate = new Map(bundles.map(({ path, certificate, key }) => [bundleKey(certificate, key), path]));
  const bySource = new Map(errorPages.map(({ path, status, source }) => [pageKey(status, source), path]));
  return {
    bundlesOf: (site) =>
      (site.tls?.certificates ?? []).map(
        ({ certificate, key }) => byCertificate.get(bundleKey(certificate, key)) ?? "",
      ),
    errorPage: (status, source) => bySource.get(pageKey(status, source)) ?? "",
  };
}

function bundleKey(certificate: string, key: string | undefined): string {
  return `${certificate}\n${key ?? ""}`;
}

function pageKey(status: number, source: string): string {
  return `${status} ${source}`;
}
