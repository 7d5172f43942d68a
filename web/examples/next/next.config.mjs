/** No rewrites: the page calls the server of NEXT_PUBLIC_API_URL itself. */
export default {
  reactStrictMode: true,
  // Types are checked for the whole of web/ at once.
  typescript: { ignoreBuildErrors: true },
};
