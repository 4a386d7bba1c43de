# The published shell's own file of this name needs HTrace, which HBase 2.6 no longer has, and nothing loads without it.
module Shell
  module Commands
    class Trace < Command
      def help
        'Tracing is not part of this shell.'
      end

      def command
        raise ArgumentError, help
      end
    end
  end
end
